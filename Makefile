# make demo and make test do all their own set-up; see README.md.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN := .venv/bin
EXTRAS := --extra demo --extra img2dataset --extra paddle
DEBIAN := chromium fonts-noto-cjk fonts-wqy-zenhei fonts-dejavu-core fonts-liberation
PYTEST := $(RUN)/python -m pytest -p randomly

.PHONY: help setup debian demo cards test trainers test-slow lint fmt bench

help: ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.tools/bin/uv:
	python3 -m venv .tools
	.tools/bin/python -m pip install --quiet uv

# Bytecode is compiled once, here: Ray starts many Pythons.
.venv/.synced: pyproject.toml uv.lock | $(if $(filter .tools/bin/uv,$(UV)),.tools/bin/uv)
	UV_COMPILE_BYTECODE=1 $(UV) sync --locked $(EXTRAS) --quiet
	@touch $@

setup: .venv/.synced ## Make the locked environment in .venv, uv included

demo: setup ## Run the whole job on a small web of our own
	$(RUN)/shardmill demo demo

cards: setup ## Make the demo's card in data_cards/cards anew, as tests want it current
	$(RUN)/python -m jobs.demo.cards

lint: setup ## ruff, mypy, import-linter
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

fmt: setup ## Format, and mend what can be mended
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

debian: ## Debian packages for tests of pages and of drawn text, where they may be installed
	@missing=$$(for name in $(DEBIAN); do dpkg -s $$name >/dev/null 2>&1 || echo $$name; done); \
	[ -z "$$missing" ] && exit 0; \
	[ $$(id -u) = 0 ] && root= || root="sudo -n"; \
	echo "Installing from Debian:" $$missing; \
	$$root env DEBIAN_FRONTEND=noninteractive sh -c "apt-get update -qq && apt-get install -qq -y --no-install-recommends \
	  $$(echo $$missing)" >/dev/null 2>&1 || echo "They could not be installed: the tests that need them say so and are left out."

test: debian lint ## Lint and the tests, slow ones left out
	$(PYTEST) -m "not slow" --cov --cov-report=term:skip-covered

trainers: setup ## Environments of TRL, ms-swift and LLaMA-Factory in .trainers
	$(RUN)/python tests/trainers/environments.py

test-slow: debian trainers ## Soaks, chaos, long fuzzing, real trainers
	$(PYTEST) -m slow

bench: setup ## Measure beside img2dataset; see docs/benchmarks.md
	$(RUN)/python -m benchmarks.pull
