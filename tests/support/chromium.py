"""Debian's Chromium opens offline pages, and all that it finds fault with is collected."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

T = TypeVar("T")
PATH = shutil.which("chromium")
_SEVERE = ("serious", "critical")
_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
  event => window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
"""


@dataclass
class Faults:
    """What was wrong with a page."""

    console: list[str] = field(default_factory=list)
    """Errors and warnings, and exceptions of scripts."""
    requests: list[str] = field(default_factory=list)
    """Everything that was asked for beside the page itself and data within it."""
    violations: list[str] = field(default_factory=list)
    """Of the page's Content-Security-Policy, as the browser reports them."""
    axe: list[str] = field(default_factory=list)
    """Serious and critical findings of axe-core."""
    wide: list[str] = field(default_factory=list)
    """The page, where it scrolls sideways, and the elements that reach beyond its right edge."""


class Chromium:
    """One browser. Playwright's loop runs in a thread of its own, where it is in no test's way."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "chromium")
        self._thread.submit(self._start).result()

    def _start(self) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=PATH)

    def close(self) -> None:
        """End it."""
        self._thread.submit(self._browser.close).result()
        self._thread.submit(self._playwright.stop).result()
        self._thread.shutdown()

    def visit(self, path: Path, act: Callable[[Page], T], **how: Any) -> T:
        """Open a page and do `act` with it; nothing may be wrong with it, then and afterwards. `how` as in `look`."""
        answer, faults = self.look(path, act, **how)
        assert faults == Faults(), faults
        return answer

    def look(
        self,
        path: Path,
        act: Callable[[Page], T],
        *,
        width: int = 1280,
        dark: bool = False,
        axe: bool = True,
    ) -> tuple[T, Faults]:
        """What `act` answered, and what is wrong with the page, which is `width` CSS pixels wide.

        `axe` may be left out where a page is long and only repeats what another has.
        """
        return self._thread.submit(self._look, path, act, width, dark, axe).result()

    def _look(self, path: Path, act: Callable[[Page], T], width: int, dark: bool, axe: bool) -> tuple[T, Faults]:
        faults = Faults()
        context = self._browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        try:
            context.add_init_script(_WATCH)
            page = context.new_page()
            page.on("console", lambda said: faults.console.append(said.text) if said.type != "log" else None)
            page.on("pageerror", lambda error: faults.console.append(str(error)))
            page.on("request", lambda asked: faults.requests.append(asked.url))
            page.goto(path.as_uri())
            answer = act(page)
            faults.requests = [
                url for url in faults.requests if url != path.as_uri() and not url.startswith(("data:", "blob:"))
            ]
            faults.violations = page.evaluate("window.violations")
            faults.wide = page.evaluate(_BEYOND)
            faults.axe = _axe(page) if axe else []
            return answer, faults
        finally:
            context.close()


def _axe(page: Page) -> list[str]:
    return [
        f"{found['id']} ({found['impact']}): {found['nodes'][0]['html'][:200]} {found['nodes'][0]['any']}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in _SEVERE
    ]


_BEYOND = """() => {
  const edge = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= edge) return [];
  return ["page", ...[...document.querySelectorAll("main *")]
    .filter(element => element.getBoundingClientRect().right > edge + 1)
    .map(element => element.outerHTML.slice(0, 120))].slice(0, 4);
}"""
