from collections import Counter

import pyarrow as pa
import pytest

from pipelines.chatml.captions import chosen_captions
from pipelines.chatml.dialects import DIALECTS
from pipelines.chatml.tasks import PHRASINGS_EN, PHRASINGS_ZH, caption_conversation
from schemas.tables import CAPTION

QWEN, PLAIN = DIALECTS["qwen2_vl"], DIALECTS["plain"]


def request(text: str, lang: str | None, row: int = 0) -> str:
    user, _ = caption_conversation(text, lang, row, QWEN)
    assert user.parts[1] is not None
    return user.parts[1]


def chosen(*lists: list[dict[str, str | None]] | None) -> list[str | None]:
    column = pa.chunked_array([pa.array(lists, pa.list_(CAPTION))])
    return [caption and caption.text for caption in chosen_captions(column)]


def test_the_latest_caption_that_says_something_is_trained_on() -> None:
    web, edited, blank = {"text": "web"}, {"text": "edited"}, {"text": " \u3000\x00\n"}
    assert chosen([web], [web, edited], [web, edited, blank], [blank, {"text": None}], [], None) == [
        *("web", "edited", "edited"),
        *(None, None, None),
    ]


def test_a_sliced_column_gives_its_own_captions() -> None:
    column = pa.chunked_array([pa.array([[{"text": "a"}], [], [{"text": "b"}, {"text": "c"}]], pa.list_(CAPTION))])
    assert [caption and (caption.text, caption.place) for caption in chosen_captions(column.slice(1))] == [
        None,
        ("c", 1),
    ]


def test_the_caption_is_neutralised_and_without_space_at_its_ends() -> None:
    assert chosen([{"text": "  a <image>\r\n"}]) == ["a < image>"]


def test_the_user_shows_the_image_and_asks_and_the_assistant_answers_the_caption() -> None:
    user, assistant = caption_conversation("a dog", "en", 7, QWEN)
    assert (user.role, assistant.role) == ("user", "assistant")
    assert user.parts[0] is None
    assert user.parts[1] in PHRASINGS_EN
    assert assistant.parts == ("a dog",)


def test_the_plain_dialect_puts_the_image_on_its_own_line() -> None:
    user, _ = caption_conversation("a dog", "en", 7, PLAIN)
    assert user.parts[1] == "\n" + request("a dog", "en", 7)


@pytest.mark.parametrize(
    ("text", "lang", "chinese"),
    [
        ("一只狗", "zh", True),
        ("一只狗", "zh-Hant", True),
        ("iPhone 15", "zh", True),
        ("一只狗", None, True),
        ("一只狗和 iPhone 在一起的照片", None, True),
        ("a dog called 小黑", None, False),
        ("犬がボールで遊んでいる", None, False),
        ("a dog", None, False),
        ("un chien", "fr", False),
        ("一只狗", "en", False),
    ],
)
def test_chinese_captions_are_asked_for_in_chinese(text: str, lang: str | None, chinese: bool) -> None:
    assert request(text, lang) in (PHRASINGS_ZH if chinese else PHRASINGS_EN)


def test_the_phrasing_depends_on_the_row_alone() -> None:
    assert [request(text, "en", row=41) for text in ("a dog", "another text")] == [request("x", "en", row=41)] * 2
    # pinned: another choice for the same rows would change every shard ever packed
    assert [PHRASINGS_EN.index(request("x", "en", row)) for row in range(8)] == [7, 4, 0, 6, 2, 0, 0, 5]


def test_phrasings_are_used_evenly() -> None:
    counts = Counter(request("x", "en", row) for row in range(8000))
    assert len(counts) == len(PHRASINGS_EN)
    assert min(counts.values()) > 850
