"""Drawn pages of English and Chinese text, with captions of ours and what is written on them.

They were drawn for this project by ``python -m tests.support.demo_pages`` with fonts under the SIL Open Font License
(Noto Sans CJK, Noto Serif CJK, Liberation), which does not extend to what is drawn with them: the pages are CC0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    name: str
    caption: str
    lines: tuple[str, ...]
    """in reading order"""

    @property
    def file(self) -> Path:
        """Where it lies: a PNG."""
        return FOLDER / f"{self.name}.png"


PAGES = (
    Page(
        "bakery",
        "The sign of a bakery with its opening hours",
        ("Fresh bread every morning", "Open from 7 to 18", "Closed on Sundays"),
    ),
    Page(
        "library",
        "A printed notice of a library in two columns",
        (
            *("Dear readers,", "the reading room", "is closed today.", "Books can still"),
            *("be brought back", "at the front desk", "until 8 in the", "evening."),
        ),
    ),
    Page(
        "concert",
        "A concert poster, hung a little askew",
        ("Summer concert", "in the old harbour", "Saturday 14 June", "Admission free"),
    ),
    Page(
        "tea",
        "The blackboard of a tea house, written in Chinese",
        ("今日新茶", "龙井一杯十五元", "请勿吸烟"),
    ),
    Page(
        "notice",
        "A Chinese notice with opening hours and a telephone number",
        ("图书馆通知", "周一至周五九点开门", "电话5550123"),
    ),
    Page(
        "poem",
        "A classical Chinese poem, written from top to bottom",
        ("床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"),
    ),
)


def pages() -> Iterator[tuple[Page, bytes]]:
    """Each page with its file."""
    for page in PAGES:
        yield page, page.file.read_bytes()
