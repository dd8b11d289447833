"""Pictures with boxes and lines of text drawn over them as SVG, which scales with the picture and needs no script."""

import base64
from collections.abc import Iterable, Sequence

from data_cards.marks import BoxMark, LineMark, merged
from data_cards.page import shown
from data_cards.thumbnail import Thumbnail

COLOURS = ("#d3002a", "#0057d9", "#007a38", "#a400c4", "#a84600", "#006c84")
"""Of the boxes by turns: each at least 4.5 against white, which numbers on them have."""
_DIGIT, _BADGE = 7, 13
"""Width of a digit and height of a badge, in pixels of a picture that is as large as it is shown."""


def picture(
    small: Thumbnail, alt: str, boxes: Sequence[BoxMark] = (), lines: Sequence[LineMark] = (), most: int = 24
) -> str:
    """HTML of a picture, what was found in it drawn at its place and numbered as in `legend`; `alt` is text.

    Boxes and quads are clipped to the picture. Equal boxes are one, those of one label share a colour. At most `most`
    boxes and as many quads are drawn.
    """
    boxes = merged(boxes)
    data = f"data:image/jpeg;base64,{base64.b64encode(small.jpeg).decode()}"
    size = f'width="{small.width}" height="{small.height}"'
    if not boxes and not lines:
        return f'<img src="{data}" {size} alt="{shown(alt, 400)}">'
    said = f"{alt}; drawn over it: {_counted(boxes, lines)}"
    marks = [*_boxes(boxes[:most], small), *_lines(lines[:most], small, len(boxes))]
    return (
        f'<svg class="picture" role="img" aria-label="{shown(said, 400)}" {size} '
        f'viewBox="0 0 {small.width} {small.height}"><image href="{data}" {size}/>{"".join(marks)}</svg>'
    )


def legend(boxes: Sequence[BoxMark], lines: Sequence[LineMark], most: int = 12, room: int = 300) -> str:
    """HTML of a list that says what each number on the picture is; of more than `most`, how many more there are."""
    boxes = merged(boxes)
    items = [
        *(f"<bdi>{shown(box.label, room)}</bdi>{_score(box.score)}" for box in boxes),
        *(
            f'“<bdi dir="auto">{shown(line.text, room)}</bdi>”{_score(line.score)}'
            + (f' <span class="rejected">left out: {shown(line.dropped, 60)}</span>' if line.dropped else "")
            for line in lines
        ),
    ]
    if not items:
        return ""
    more = f'<p class="soft">and {len(items) - most:,} more</p>' if len(items) > most else ""
    return f'<ol class="legend">{"".join(f"<li>{item}</li>" for item in items[:most])}</ol>{more}'


def _counted(boxes: Sequence[BoxMark], lines: Sequence[LineMark]) -> str:
    counts = ((len(boxes), "box", "boxes"), (len(lines), "line of text", "lines of text"))
    return " and ".join(f"{n:,} {one if n == 1 else many}" for n, one, many in counts if n)


def _score(score: float | None) -> str:
    return "" if score is None else f' <span class="soft">{score:.2f}</span>'


def _boxes(boxes: Sequence[BoxMark], small: Thumbnail) -> Iterable[str]:
    labels = list(dict.fromkeys(box.label for box in boxes))
    for number, box in enumerate(boxes, 1):
        colour = COLOURS[labels.index(box.label) % len(COLOURS)]
        x1, y1, x2, y2 = box.corners
        yield from _outlined([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], small, colour)
        yield _badge(number, x1, y1, small, colour)


def _lines(lines: Sequence[LineMark], small: Thumbnail, before: int) -> Iterable[str]:
    for number, line in enumerate(lines, before + 1):
        colour = "#555" if line.dropped else COLOURS[1]
        corners = list(zip(line.quad[::2], line.quad[1::2], strict=True))
        yield from _outlined(corners, small, colour, dashed=line.dropped is not None)
        yield _badge(number, *corners[0], small, colour)


def _outlined(
    corners: Sequence[tuple[float, float]], small: Thumbnail, colour: str, *, dashed: bool = False
) -> Iterable[str]:
    """A polygon whose line is dark on light and light on dark: the colour on a broader white."""
    points = " ".join(f"{_at(x, small.width)},{_at(y, small.height)}" for x, y in corners)
    yield f'<polygon points="{points}" fill="none" stroke="#fff" stroke-width="4" stroke-opacity="0.7"/>'
    dashes = ' stroke-dasharray="5 3"' if dashed else ""
    yield f'<polygon class="mark" points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'


def _badge(number: int, x: float, y: float, small: Thumbnail, colour: str) -> str:
    width = _DIGIT * len(str(number)) + 4
    left = min(float(_at(x, small.width)), max(0, small.width - width))
    top = min(float(_at(y, small.height)), max(0, small.height - _BADGE))
    return (
        f'<rect x="{left:g}" y="{top:g}" width="{width}" height="{_BADGE}" fill="{colour}"/>'
        f'<text x="{left + 2:g}" y="{top + 10:g}" fill="#fff">{number}</text>'
    )


def _at(share: float, side: int) -> str:
    return f"{min(max(share, 0.0), 1.0) * side:.6g}"


STYLE = """
.picture { max-width: 100%; height: auto; background: #fff; display: block; }
.picture polygon { vector-effect: non-scaling-stroke; }
.picture text { font: 10px/1 ui-monospace, monospace; }
.legend { margin: 4px 0; padding-inline-start: 2.2em; font-size: 0.93em; }
.legend li { overflow-wrap: anywhere; }
"""
