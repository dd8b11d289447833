"""HTML pages as a parser sees them: elements, attributes and text."""

import base64
import hashlib
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "img", "br"}


@dataclass
class Element:
    """One element, its text with that of all within."""

    tag: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    pieces: list["str | Element"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text within, as it reads."""
        return "".join(piece if isinstance(piece, str) else piece.text for piece in self.pieces)

    def all(self, tag: str, **attributes: str) -> list["Element"]:
        """Every element of that tag within, with those attributes, in document order."""
        found = []
        for child in self.children:
            if child.tag == tag and attributes.items() <= child.attributes.items():
                found.append(child)
            found += child.all(tag, **attributes)
        return found

    def tags(self) -> set[str]:
        """The tags of all elements within."""
        return {child.tag for child in self.children}.union(*(child.tags() for child in self.children))

    def every(self) -> list["Element"]:
        """All elements within."""
        return [found for child in self.children for found in (child, *child.every())]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("document", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        self.open[-1].pieces.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].pieces.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def read(text: str) -> Element:
    """The page. Raises `AssertionError` where an element is not closed, or an attribute stands twice."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert [element.tag for element in reader.open] == ["document"]
    return reader.root


OWN_TAGS = {
    *("html", "head", "meta", "link", "title", "style", "body", "main", "h1", "p", "ul", "li", "code"),
    *("table", "thead", "tbody", "tr", "th", "td", "img", "br", "span", "strong", "bdi", "a", "ol"),
    *("svg", "image", "polygon", "rect", "text", "h2", "h3", "dl", "dt", "dd", "div", "nav"),
    *("figure", "figcaption", "details", "summary", "line", "section", "em"),
}


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def check_offline(text: str, *, script: bool = False) -> Element:
    """The page, once it is sure that nothing in it is loaded, run or of another's making, but one `script` of ours."""
    found = read(text)
    assert found.tags() <= (OWN_TAGS | {"script", "button", "kbd"} if script else OWN_TAGS)
    (style,) = found.all("style")
    scripts = [f" script-src '{_hash(one.text)}';" for one in found.all("script")]
    assert len(scripts) == script
    (policy,) = found.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy.attributes["content"] == (
        f"default-src 'none'; img-src data:; style-src '{_hash(style.text)}';{''.join(scripts)} base-uri 'none'; "
        "form-action 'none'"
    )
    assert "url(" not in style.text
    assert "@import" not in style.text
    for element in found.every():
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"]
        assert element.attributes.get("src", "data:").startswith("data:")
        if element.tag == "a":
            assert element.attributes["href"].removesuffix(".html").removeprefix("#").replace("_", "").isalpha()
        elif element.tag == "image":
            assert element.attributes["href"].startswith("data:image/jpeg;base64,")
        else:
            assert element.attributes.get("href", "data:,") == "data:,"
    return found
