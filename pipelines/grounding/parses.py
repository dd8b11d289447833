"""A dependency parse as plain lists, which cost a tenth of asking a spaCy token for its neighbours."""

from typing import Any, NamedTuple


def words(text: str) -> frozenset[str]:
    """The words of a list that is written as text."""
    return frozenset(text.split())


class Parse(NamedTuple):
    """The tokens of a caption, by position; `head` of a root is itself."""

    words: list[str]
    """As written."""
    lower: list[str]
    pos: list[str]
    """Universal part-of-speech tags."""
    dep: list[str]
    """Labels, of Universal Dependencies or of spaCy's English models; ``ROOT`` for roots."""
    head: list[int]
    starts: list[int]
    """Offset of each token's first character."""
    spaced: list[bool]
    """Whether white space follows."""
    left: list[list[int]]
    """Dependents before each token, in order."""
    right: list[list[int]]
    """Dependents behind it, in order."""
    first: list[int]
    """The first token of its subtree."""
    last: list[int]
    """The last token of its subtree."""

    def end(self, token: int) -> int:
        """Offset behind the last character of a token."""
        return self.starts[token] + len(self.words[token])


def parse_of(document: Any) -> Parse:
    """The parse that a spaCy `Doc` holds."""
    tokens = list(document)
    words = [token.text for token in tokens]
    n = len(words)
    head = [token.head.i for token in tokens]
    left: list[list[int]] = [[] for _ in range(n)]
    right: list[list[int]] = [[] for _ in range(n)]
    first, last = list(range(n)), list(range(n))
    for token, above in enumerate(head):
        if above != token:
            (left if token < above else right)[above].append(token)
        here = token
        while True:  # every governor's subtree reaches as far as this token
            above = head[here]
            if above == here or (first[above] <= token <= last[above]):
                break
            first[above] = min(first[above], token)
            last[above] = max(last[above], token)
            here = above
    return Parse(
        words,
        [word.lower() for word in words],
        [token.pos_ for token in tokens],
        [token.dep_ for token in tokens],
        head,
        [token.idx for token in tokens],
        [bool(token.whitespace_) for token in tokens],
        left,
        right,
        first,
        last,
    )
