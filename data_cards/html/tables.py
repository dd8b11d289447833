"""Tables that scroll by themselves where a page is narrow."""

from collections.abc import Iterable, Sequence

from data_cards.page import shown


def table(name: str, head: Sequence[str], rows: Iterable[Sequence[str]], numbers: str = "") -> str:
    """HTML of a table; `name` and `head` are text, cells are HTML, and the first of each row is its heading.

    `numbers` has one letter a column, ``r`` for numbers. The region around it takes the focus, so that the keyboard
    scrolls it.
    """
    right = [letter == "r" for letter in numbers.ljust(len(head))]
    number = ' class="number"'
    heads = "".join(
        f'<th scope="col"{number if r else ""}>{shown(text, 200)}</th>' if text else "<td></td>"
        for text, r in zip(head, right, strict=True)
    )
    lines = "\n".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{cell}</th>' if at == 0 else f"<td{number if right[at] else ''}>{cell}</td>"
            for at, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    said = shown(name or ", ".join(head), 200)
    return (
        f'<div class="scroll" role="region" aria-label="{said}" tabindex="0"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>\n{lines}\n</tbody></table></div>"
    )


TABLES = """
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.93em; }
td, th { padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top;
  font-weight: normal; min-width: 4ch; }
td:not(.number) { min-width: 9ch; }
.scroll th, .scroll code { overflow-wrap: normal; }
thead th { font-weight: 600; }
.number { text-align: end; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
"""
