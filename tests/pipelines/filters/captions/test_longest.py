"""Of several captions of a row the longest is left."""

import pyarrow as pa

from pipelines.filters.captions.longest import LongestCaption
from schemas.tables import CAPTION


def judged(*captions: dict[str, object]) -> tuple[str | None, list[str | None]]:
    """The row's reason, and why each of its captions is refused."""
    column = pa.chunked_array([[list(captions)]], pa.list_(CAPTION))
    processed = LongestCaption().load().process(pa.table({"captions": column}))
    assert processed.columns is not None
    (row,) = processed.columns["captions"].to_pylist()
    return processed.verdicts.reason[0].as_py(), [caption["refused"] for caption in row]


def test_the_longest_is_left_and_of_equals_the_first() -> None:
    said = [{"text": text} for text in ("a dog", "a small dog", "a brown dog", "dog")]
    assert judged(*said) == (None, ["shorter_caption", None, "shorter_caption", "shorter_caption"])


def test_captions_that_do_not_count_are_left_alone() -> None:
    replaced = {"text": "a very long caption <br>", "role": "web"}
    edited = {"text": "a caption", "role": "edited", "of": 0}
    assert judged(replaced, edited, {"text": "short"}) == (None, [None, None, "shorter_caption"])
    assert judged({"text": "a very long one", "refused": "emoji"}, {"text": "a"}) == (None, ["emoji", None])


def test_a_row_without_captions_is_refused_as_by_every_rule_on_captions() -> None:
    assert judged()[0] == "no_caption"
