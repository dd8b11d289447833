"""On Ray: the same result as inline, workers may die, nothing listens beyond loopback, no other code is run."""

import ipaddress
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from jobs.running.cluster import CodeIdentity, cluster, set_environment
from jobs.running.flight import Flight
from jobs.running.ray_executor import RayExecutor
from jobs.running.state import RunState
from jobs.running.trouble import ClusterLostError
from tests.support import stages
from tests.support.by_hand import GROUNDED, run_here
from tests.support.runs import RECIPE, Case, shardmill, truth, urls
from tests.support.web import Web, picture

MIX = {"image": 60, "copy": 5, "gone": 6, "wide": 4, "small": 4, "page": 3}


@pytest.fixture(scope="session")
def code() -> Iterator[CodeIdentity]:
    """One cluster for the session."""
    set_environment()
    import ray.cloudpickle

    ray.cloudpickle.register_pickle_by_value(stages)
    with cluster(None, cpus=2) as identity:
        yield identity


def run_on(code: CodeIdentity, case: Case, recipe_text: str, *settings: str) -> RunState:
    """Run on the session's cluster, in this process."""

    def open_executor(stack: ExitStack) -> RayExecutor:
        executor = RayExecutor(code, Flight(3))
        stack.callback(executor.close)
        return executor

    return run_here(case, recipe_text, *settings, open_executor=open_executor)


def test_ray_and_inline_give_the_same_data_set(code: CodeIdentity, web: Web, tmp_path: Path) -> None:
    on_ray = Case(web, tmp_path, urls(web, **MIX), output="ray")
    run_on(code, on_ray, RECIPE)
    inline = Case(web, tmp_path, on_ray.urls, output="inline")
    inline.run()
    assert on_ray.reasons() == inline.reasons() == truth(**MIX)
    assert on_ray.dataset() == inline.dataset()


def test_ray_and_inline_split_and_mix_alike(code: CodeIdentity, web: Web, tmp_path: Path) -> None:
    weights = "pack.mixture.tasks={caption: 3, grounded_caption: 1, rec: 2, reg: 1}"
    addresses = [web.url(kind, number) for number in range(40) for kind in ("image", "q60")]
    on_ray, inline = (Case(web, tmp_path, addresses, output=output) for output in ("ray", "inline"))
    run_on(code, on_ray, GROUNDED, "pack.split.validation=0.2", weights)
    run_here(inline, GROUNDED, "pack.split.validation=0.2", weights)
    assert on_ray.dataset() == inline.dataset()
    shards = [path for path in on_ray.dataset() if path.endswith("parquet")]
    assert {path.partition("-")[0] for path in shards} == {"data/train", "data/validation"}


def test_ray_data_reads_the_shards(code: CodeIdentity, web: Web, tmp_path: Path) -> None:
    import ray.data

    case = Case(web, tmp_path, [web.url("image", number) for number in range(12)])
    case.run()
    rows = ray.data.read_parquet(str(case.run_folder / "dataset/data")).take_all()
    assert {row["image_meta"][0]["url"]: row["images"][0]["bytes"] for row in rows} == {
        web.url("image", number): picture(number) for number in range(12)
    }


@pytest.mark.parametrize(
    "kind",
    ["abort", pytest.param("abort_async", marks=pytest.mark.slow), pytest.param("abort_model", marks=pytest.mark.slow)],
)
def test_a_row_that_kills_its_worker_is_given_up_and_the_rest_of_its_part_is_kept(
    code: CodeIdentity, web: Web, tmp_path: Path, kind: str
) -> None:
    case = Case(web, tmp_path, [*urls(web, image=40), web.url("image", 7777), web.url("image", 8888)])
    recipe = RECIPE.replace("stages:", f"stages:\n  - stage: {kind}\n    word: /7777\n", 1)
    state = run_on(code, case, recipe)
    assert state.tally[state.hops[0].name].counts == {"kept": 41, f"{kind}/worker_died": 1}
    assert state.tally["pack"].kept == 41


def test_a_model_stays_loaded_in_workers_that_leave_room_for_what_feeds_them(
    code: CodeIdentity, web: Web, tmp_path: Path
) -> None:
    case = Case(web, tmp_path, urls(web, image=100))
    loads = tmp_path / "loads"
    recipe = RECIPE.replace("stages:", f"stages:\n  - {{stage: loads, path: {loads}}}\n", 1)
    state = run_on(code, case, recipe)
    assert [(hop.name, hop.kind) for hop in state.hops][:2] == [("loads", "model"), ("pull", "async")]
    assert len(state.plan.parts) > 2
    assert len(set(loads.read_text().split())) == len(loads.read_text().split()) == 1
    assert case.reasons() == {"kept": 100}


def test_a_model_that_needs_a_gpu_says_so_where_there_is_none(code: CodeIdentity, web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=3))
    recipe = RECIPE.replace("stages:", "stages:\n  - {stage: abort_model, word: never, on_gpu: true}\n", 1)
    with pytest.raises(ClusterLostError, match="abort_model is to run on a GPU, and Ray knows of none"):
        run_on(code, case, recipe)


@pytest.mark.parametrize("per_host", [1, 2])
def test_two_workers_ask_a_host_no_more_at_once_than_allowed(
    code: CodeIdentity, web: Web, tmp_path: Path, per_host: int
) -> None:
    web.pause_s = 0.02
    case = Case(web, tmp_path, urls(web, image=120))
    run_on(code, case, RECIPE, f"stages.pull.per_host={per_host}")
    assert case.reasons() == {"kept": 120}
    assert 1 <= web.most_at_once <= per_host


@pytest.mark.parametrize("per_host", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_worker_that_searches_for_rows_that_kill_is_one_of_those_allowed(
    code: CodeIdentity, web: Web, tmp_path: Path, per_host: int
) -> None:
    web.pause_s = 0.02
    case = Case(web, tmp_path, [*urls(web, image=60), web.url("image", 7777)])
    recipe = RECIPE.replace("  - stage: aspect", "  - {stage: abort_async, word: /7777}\n  - stage: aspect", 1)
    state = run_on(code, case, recipe, f"stages.pull.per_host={per_host}")
    assert state.tally[state.hops[0].name].counts == {"kept": 60, "pull/worker_died": 1}
    assert 1 <= web.most_at_once <= per_host


def test_a_run_that_gave_up_rows_says_so_and_ends_with_1(web: Web, tmp_path: Path) -> None:
    """Through the command line, which knows the stages that ship alone: the worker dies on a planted layer."""
    case = Case(web, tmp_path, urls(web, image=20))
    killer = tmp_path / "site" / "sitecustomize.py"
    killer.parent.mkdir()
    killer.write_text(
        "import os\n"
        "from pipelines.filters import image\n"
        "before = image.MinSide.process\n"
        "def process(self, rows):\n"
        "    os.abort() if any(w == 2000 for w in rows['width'].to_pylist()) else None\n"
        "    return before(self, rows)\n"
        "image.MinSide.process = process\n"
    )
    case.urls.append(web.url("wide", 1))
    done = subprocess.run(
        case.command("--set=stages.aspect_ratio.max_ratio=20"),
        env={**os.environ, "PYTHONPATH": str(killer.parent)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 rows killed their worker" in done.stderr
    assert case.status()["hops"]["filter"]["reasons"] == {"aspect_ratio/worker_died": 1}
    assert case.status()["kept"] == 20


def test_a_killed_worker_costs_nothing_but_time(code: CodeIdentity, web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=400), settings=())
    killed = threading.Event()

    def kill() -> None:
        while not killed.is_set():
            for process in psutil.Process().children(recursive=True):
                if web.counts.total() > 50 and "_HopActor" in " ".join(process.cmdline()):
                    os.kill(process.pid, signal.SIGKILL)
                    killed.set()
                    return
            time.sleep(0.02)

    killer = threading.Thread(target=kill)
    killer.start()
    run_on(code, case, RECIPE)
    was_killed = killed.is_set()
    killed.set()
    killer.join()
    assert was_killed
    assert case.reasons() == {"kept": 400}


def test_a_run_whose_cluster_dies_ends_and_goes_on_later(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=200), settings=("stages.pull.concurrency=1",))
    driver = psutil.Popen(case.command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while web.counts.total() < 30:
        time.sleep(0.05)
    (raylet,) = [child for child in driver.children() if child.name() == "raylet"]
    raylet.kill()
    _, said = driver.communicate(timeout=120)
    assert driver.returncode == 1
    assert b"the same command goes on from here" in said
    assert case.run() == 0
    assert case.reasons() == {"kept": 200}


def test_it_runs_its_own_code_where_folders_of_the_same_name_lie_about(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=20))
    elsewhere = tmp_path / "elsewhere"
    for room in ("pipelines", "schemas", "jobs", "data_cards"):
        (elsewhere / room).mkdir(parents=True)
        (elsewhere / room / "__init__.py").write_text("raise SystemExit('the wrong code')")
    command = case.command()
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert case.reasons() == {"kept": 20}
    assert shardmill("verify", str(case.run_folder), cwd=elsewhere, timeout=200).returncode == 0


def is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def test_nothing_listens_beyond_loopback(web: Web, tmp_path: Path) -> None:
    case = Case(web, tmp_path, urls(web, image=30), settings=("stages.pull.concurrency=1", "run.min_free_gb=0"))
    driver = psutil.Popen(case.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen: dict[tuple[str, int], str] = {}
    while driver.poll() is None:
        for process in [driver, *driver.children(recursive=True)]:
            try:
                for connection in process.net_connections("inet"):
                    if connection.status == psutil.CONN_LISTEN:
                        seen[connection.laddr] = process.name()
            except psutil.Error:
                continue
        time.sleep(0.2)
    assert seen, "the cluster's own sockets were not seen"
    assert {address: name for address, name in seen.items() if not is_loopback(address[0])} == {}
