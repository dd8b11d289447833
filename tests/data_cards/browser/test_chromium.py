"""What the harness must find, so that a page without faults is one."""

from pathlib import Path

from tests.support.chromium import Chromium, Faults

_POLICY = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'none'\">"


def found(chromium: Chromium, folder: Path, body: str, head: str = "") -> Faults:
    path = folder / "page.html"
    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>page</title>'
        f'<link rel="icon" href="data:,">{head}</head><body><main><h1>page</h1>{body}</main></body></html>'
    )
    return chromium.look(path, lambda page: None)[1]


def test_a_plain_page_has_no_fault(chromium: Chromium, tmp_path: Path) -> None:
    assert found(chromium, tmp_path, "<p>all is well</p>") == Faults()


def test_requests_and_what_they_leave_on_the_console(chromium: Chromium, tmp_path: Path) -> None:
    faults = found(chromium, tmp_path, '<img src="http://127.0.0.1:9/x.png" alt="x">')
    assert faults.requests == ["http://127.0.0.1:9/x.png"]
    assert len(faults.console) == 1


def test_scripts_that_fail(chromium: Chromium, tmp_path: Path) -> None:
    faults = found(chromium, tmp_path, "<script>nothing.here()</script>")
    assert faults.console == ["nothing is not defined"]


def test_what_the_policy_forbids(chromium: Chromium, tmp_path: Path) -> None:
    body = '<p style="color: red">a</p><script>1</script><img src="data:image/gif;base64,R0lGODdh" alt="x">'
    faults = found(chromium, tmp_path, body, _POLICY)
    assert sorted(violation.split(":")[0] for violation in faults.violations) == [
        *("img-src", "script-src-elem", "style-src-attr"),
    ]


def test_what_keeps_people_out(chromium: Chromium, tmp_path: Path) -> None:
    faults = found(chromium, tmp_path, '<p><font color="#ccc">pale</font></p><img src="data:,">')
    assert [said.split(" ")[0] for said in faults.axe] == ["color-contrast", "image-alt"]


def test_pages_that_scroll_sideways(chromium: Chromium, tmp_path: Path) -> None:
    faults = found(chromium, tmp_path, '<svg width="3000" role="img" aria-label="x"></svg>')
    assert faults.wide == ["page", '<svg width="3000" role="img" aria-label="x"></svg>']
