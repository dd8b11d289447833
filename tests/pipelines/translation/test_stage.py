import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.captions import all_captions, counting
from pipelines.stage import AnsweredStage, AsyncStage, EndRunError, Processed
from pipelines.translation.endpoint import LlmSpec
from pipelines.translation.stage import Translate
from pipelines.translation.texts import TextOptions
from pipelines.translation.totals import totals
from schemas.tables import INPUT, READ, REGION, TRANSLATED
from tests.support.llm_faults import MODEL, Asked, LlmServer, Reply, always, serving
from tests.support.wordbook import to_chinese, word_by_word

Row = list[dict[str, Any]]


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with serving(word_by_word) as running:
        yield running


def spec(server: LlmServer, **chosen: Any) -> Translate:
    return Translate(llm=LlmSpec(url=server.url, model=MODEL, backoff_s=0.01, tries=2), **chosen)


def caption(text: str, lang: str | None = "en", role: str = "web", **more: Any) -> dict[str, Any]:
    return {"text": text, "lang": lang, "role": role, **more}


def table(
    *captions: Row,
    regions: list[Row | None] | None = None,
    lines: list[Row] | None = None,
    turns: list[Row | None] | None = None,
) -> pa.Table:
    columns = {
        "id": pa.array(range(len(captions))),
        "captions": pa.array(captions, INPUT.field("captions").type),
        "regions": pa.array(regions or [None] * len(captions), pa.list_(REGION)),
    }
    if lines is not None:
        columns["lines"] = pa.array(lines, READ.field("lines").type)
    if turns is not None:
        columns["turns"] = pa.array(turns, INPUT.field("turns").type)
    return pa.table(columns)


def translate(stage: Translate, rows: pa.Table, folder: Path | None = None) -> Processed:
    async def run() -> Processed:
        engine = (stage.placed(str(folder)) if folder else stage).load()
        try:
            return await engine.process(rows)
        finally:
            await engine.close()

    return asyncio.run(run())


def added(done: Processed, row: int = 0) -> list[tuple[str, str | None, str | None, int | None, str | None]]:
    """Text, language, role, `of` and model of the captions that were appended."""
    assert done.columns is not None
    captions = all_captions(done.columns["captions"])[row]
    return [(one.text, one.lang, one.role, one.of, one.model) for one in captions if one.model]


def notes(done: Processed, row: int = 0) -> list[dict[str, Any]]:
    assert done.columns is not None
    found: list[dict[str, Any]] = done.columns["translations"][row].as_py()
    return found


def test_it_is_a_stage_that_keeps_answers() -> None:
    assert isinstance(Translate(), AsyncStage)
    assert isinstance(Translate(), AnsweredStage)


def test_a_translation_is_appended_with_language_role_origin_and_model(server: LlmServer) -> None:
    done = translate(spec(server), table([caption("a red dog")], [caption("the old boat", None)]))
    assert added(done, 0) == [(to_chinese("a red dog"), "zh", "translated", 0, "echo-1")]
    assert added(done, 1) == [(to_chinese("the old boat"), "zh", "translated", 0, "echo-1")]
    assert done.verdicts.reason.null_count == 2
    assert done.columns is not None
    assert done.columns.schema == TRANSLATED


def test_what_was_asked_is_noted(server: LlmServer) -> None:
    [note] = notes(translate(spec(server), table([caption("a red dog")])))
    asked = sum(len(message["content"].split()) for message in server.asked[0].body["messages"])
    assert note == {
        "caption_index": 1,
        "of": 0,
        "to": "zh",
        "pass": "translate",
        "outcome": "translated",
        "checks": [],
        "requests": 1,
        "cached": 0,
        "tokens_in": asked,
        "tokens_out": 1,
        "chrf": None,
        "model": "echo-1",
        "prompt": "translate@1",
    }


def test_captions_that_do_not_count_or_are_of_another_language_are_left(server: LlmServer) -> None:
    row = [
        caption("a red dog"),
        caption("a green dog", role="edited", of=0),
        caption("ein Hund", "de"),
        caption("a cat", refused="lexicon"),
        caption("the boat"),
        caption("一艘船", "zh", "translated", of=4),
        caption(" ", "en"),
    ]
    done = translate(spec(server), table(row, []))
    assert [one[3] for one in added(done)] == [1]
    assert added(done, 1) == []
    assert len(server.asked) == 1


def region(phrase: tuple[int, int], expression: tuple[int, int], box: float, index: int = 0) -> dict[str, Any]:
    return {
        "caption_index": index,
        "phrase": list(phrase),
        "expression": list(expression),
        "box": [box, 0.0, 1.0, 1.0],
        "score": 0.5,
        "runner_up": 0.25,
        "source": "by hand",
    }


def test_regions_follow_their_phrases(server: LlmServer) -> None:
    text = "a red dog beside the old boat"
    regions = [region((0, 9), (0, 29), 0.25), region((17, 29), (17, 29), 0.5), region((0, 3), (0, 3), 0.75, index=1)]
    done = translate(spec(server), table([caption(text), caption("ein", "de")], regions=[regions]))
    assert done.columns is not None
    [row] = done.columns["regions"].to_pylist()
    assert row[:3] == regions
    chinese = added(done)[0][0]
    followed = [(chinese[slice(*one["phrase"])], chinese[slice(*one["expression"])], one["box"][0]) for one in row[3:]]
    assert followed == [("一个红色的狗狗", chinese, 0.25), ("这个古老的小船", "这个古老的小船", 0.5)]
    assert {(one["caption_index"], one["score"], one["runner_up"], one["source"]) for one in row[3:]} == {
        (2, 0.5, 0.25, "by hand")
    }


def test_rows_without_regions_stay_without(server: LlmServer) -> None:
    done = translate(spec(server), table([caption("a dog")], [caption("a cat")], regions=[None, []]))
    assert done.columns is not None
    assert done.columns["regions"].to_pylist() == [None, []]


def test_text_that_was_read_in_the_image_stays(server: LlmServer) -> None:
    line = {"text": "red boat", "dropped": None}
    rows = table([caption("the red boat under the bridge")], lines=[[line, {"text": "bridge", "dropped": "low_score"}]])
    assert "red boat" in added(translate(spec(server, keep_read=True), rows))[0][0]
    assert "bridge" not in added(translate(spec(server, keep_read=True), rows))[0][0]


def test_a_corrected_translation_takes_the_place_of_the_first(server: LlmServer) -> None:
    def better(asked: Asked) -> Reply:
        reply = word_by_word(asked)
        return Reply(text=(reply.text or "").replace("狗狗", "小狗")) if "⟦source⟧" in asked.text else reply

    server.behaviour = better
    regions = [region((0, 9), (0, 9), 0.25)]
    done = translate(spec(server, correct=True), table([caption("a red dog near the river")], regions=[regions]))
    first, second = added(done)
    assert (first[2], first[3], second[2], second[3]) == ("translated", 0, "corrected", 1)
    assert "小狗" in second[0]
    assert done.columns is not None
    assert [one.place for one in counting(all_captions(done.columns["captions"])[0])] == [0, 2]
    last = done.columns["regions"].to_pylist()[0][-1]
    assert (last["caption_index"], second[0][slice(*last["phrase"])]) == (2, "一个红色的小狗")
    assert [note["pass"] for note in notes(done)] == ["translate", "correct"]


@pytest.mark.parametrize(
    ("back", "role", "of", "count"), [("compare", "back", 1, [0, 1]), ("replace", "corrected", 0, [1, 2])]
)
def test_a_translation_is_put_back_to_be_compared_or_to_replace(
    server: LlmServer, back: str, role: str, of: int, count: list[int]
) -> None:
    regions = [region((0, 9), (0, 9), 0.25)]
    done = translate(spec(server, back=back), table([caption("a red dog near the river")], regions=[regions]))
    home = added(done)[-1]
    assert home == ("a red dog near the river", "en", role, of, "echo-1")
    assert done.columns is not None
    assert [one.place for one in counting(all_captions(done.columns["captions"])[0])] == count
    assert notes(done)[-1]["chrf"] == pytest.approx(100)
    assert done.columns["regions"].to_pylist()[0][-1]["phrase"] == [0, 9]


def test_a_text_that_never_passes_is_kept_or_fails(server: LlmServer) -> None:
    server.behaviour = always(Reply(text="I am sorry, I cannot help with that."))
    rows = table([caption("a red dog")])
    kept = translate(spec(server), rows)
    assert kept.verdicts.reason.to_pylist() == [None]
    assert added(kept) == []
    assert notes(kept)[0]["outcome"] == "failed"
    assert "refusal" in notes(kept)[0]["checks"]
    failed = translate(spec(server, text=TextOptions(on_failure="fail")), rows)
    assert failed.verdicts.reason.to_pylist() == ["untranslated"]
    assert "refusal" in failed.verdicts.detail.to_pylist()[0]
    assert failed.columns is not None
    assert failed.columns["captions"].to_pylist() == [None]


def test_a_row_without_an_answer_fails_and_may_be_tried_again(server: LlmServer) -> None:
    server.behaviour = lambda asked: Reply(500) if "cat" in asked.text else word_by_word(asked)
    done = translate(spec(server), table([caption("a dog")], [caption("a cat")]))
    assert done.verdicts.reason.to_pylist() == [None, "llm_unavailable"]
    assert done.columns is not None
    assert done.columns["captions"].to_pylist()[1] is None


def test_a_text_that_the_endpoint_refuses_is_kept_without_translation(server: LlmServer) -> None:
    server.behaviour = always(Reply(400, error="content_filter"))
    done = translate(spec(server), table([caption("a dog")]))
    assert done.verdicts.reason.to_pylist() == [None]
    assert notes(done)[0]["checks"] == ["llm_content_filter"]
    strict = translate(spec(server, text=TextOptions(on_failure="fail")), table([caption("a dog")]))
    assert strict.verdicts.reason.to_pylist() == ["llm_content_filter"]


def test_a_text_that_the_endpoint_refuses_costs_the_row_no_other(server: LlmServer) -> None:
    server.behaviour = lambda asked: Reply(400, error="too long") if "cat" in asked.text else word_by_word(asked)
    rows = table([caption("a cat"), caption("a dog")], turns=[[turn("user", "the boat"), turn("assistant", "a car")]])
    done = translate(spec(server, turns=True), rows)
    assert added(done) == [(to_chinese("a dog"), "zh", "translated", 1, "echo-1")]
    assert done.columns is not None
    assert len(done.columns["translated_turns"].to_pylist()[0]) == 2
    assert [(note["of"], note["outcome"]) for note in notes(done)] == [
        (0, "failed"),
        (1, "translated"),
        (None, "translated"),
    ]


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("⟦source⟧", [("translate", "zh", "translated"), ("correct", "zh", "failed")]),
        ("狗", [("translate", "zh", "translated"), ("back", "en", "failed")]),
    ],
)
def test_a_pass_that_the_endpoint_refuses_is_told_by_its_name(
    server: LlmServer, refused: str, told: list[tuple[str, str, str]]
) -> None:
    server.behaviour = lambda asked: Reply(400, error="too long") if refused in asked.text else word_by_word(asked)
    done = translate(spec(server, correct=refused != "狗", back="compare"), table([caption("a dog")]))
    assert [one[0] for one in added(done)] == [to_chinese("a dog")]
    assert [(note["pass"], note["to"], note["outcome"]) for note in notes(done)] == told


def test_nothing_more_is_asked_for_a_row_that_has_failed(server: LlmServer) -> None:
    server.behaviour = lambda asked: Reply(text="") if "cat" in asked.text else word_by_word(asked)
    done = translate(spec(server, text=TextOptions(on_failure="fail")), table([caption("a cat"), caption("a dog")]))
    assert done.verdicts.reason.to_pylist() == ["untranslated"]
    assert not [asked for asked in server.asked if "dog" in asked.text]


def test_a_refused_key_ends_the_run(server: LlmServer) -> None:
    server.behaviour = always(Reply(401))
    with pytest.raises(EndRunError, match="key_env"):
        translate(spec(server), table([caption("a dog")], [caption("a cat")]))


def turn(role: str, text: str, lang: str | None = "en") -> dict[str, Any]:
    return {"role": role, "text": text, "lang": lang}


def test_a_conversation_is_translated_in_its_roles_and_captions_are_left_if_so_wanted(server: LlmServer) -> None:
    said = [turn("user", "<image>\nthe red dog"), turn("assistant", "a small boat")]
    rows = table([caption("a cat")], [], [], turns=[said, None, [turn("user", "ein Hund", "de")]])
    done = translate(spec(server, captions=False, turns=True), rows)
    assert done.columns is not None
    assert done.columns["translated_turns"].to_pylist() == [
        [
            turn("user", f"<image>\n{to_chinese('the red dog')}", "zh"),
            turn("assistant", to_chinese("a small boat"), "zh"),
        ],
        None,
        None,
    ]
    assert added(done) == []
    [note] = notes(done)
    assert (note["of"], note["caption_index"], note["requests"], note["outcome"]) == (None, None, 2, "translated")


def test_a_conversation_with_a_turn_that_never_passes_is_none(server: LlmServer) -> None:
    server.behaviour = lambda asked: Reply(text="") if "cat" in asked.text else word_by_word(asked)
    rows = table([], turns=[[turn("user", "the cat"), turn("assistant", "a dog")]])
    done = translate(spec(server, turns=True), rows)
    assert done.columns is not None
    assert (done.columns["translated_turns"].to_pylist(), done.verdicts.reason.to_pylist()) == ([None], [None])
    strict = spec(server, turns=True, text=TextOptions(on_failure="fail"))
    assert translate(strict, rows).verdicts.reason.to_pylist() == ["untranslated"]


def test_tokens_and_cache_hits_are_summed(server: LlmServer, tmp_path: Path) -> None:
    rows = table([caption("a dog")], [caption("a cat"), caption("a red bird")])
    first = translate(spec(server), rows, tmp_path)
    second = translate(spec(server), rows, tmp_path)
    assert first.columns is not None
    assert second.columns is not None
    once, again = totals(first.columns["translations"]), totals(second.columns["translations"])
    assert (once["requests"], once["cached"], again["requests"], again["cached"]) == (3, 0, 3, 3)
    assert (once["tokens_in"], once["tokens_out"]) == (again["tokens_in"], again["tokens_out"])
    assert once["tokens_out"] == 3
    assert totals(pa.chunked_array([pa.array([], TRANSLATED.field("translations").type)]))["requests"] == 0


def test_the_recipes_endpoint_stands_in_for_none() -> None:
    own, recipe = LlmSpec(url="http://own/v1", model="own"), LlmSpec(url="http://recipe/v1", model="recipe")
    assert Translate().asking(recipe).endpoint == recipe
    assert Translate(llm=own).asking(recipe).endpoint == own
    assert "--llm-url" in (Translate().lacking or "")
