"""Scripts of lines by their letters."""

import pytest

from pipelines.ocr.scripts import SCRIPTS, scripts_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Grand Opening", "Latn"),
        ("Crème brûlée", "Latn"),
        ("ＳＡＬＥ", "Latn"),
        ("新品上市", "Hani"),
        ("繁體中文", "Hani"),
        ("𠮷野家", "Hani"),
        ("美の味道健康生活", "Hani"),
        ("東京タワーの夜", "Jpan"),
        ("ありがとう", "Jpan"),
        ("대한민국", "Hang"),
        ("Распродажа", "Cyrl"),
        ("Ελλάδα", "Grek"),
        ("مرحبا", "Arab"),
        ("ไทย", "Thai"),
        ("iPhone 手机", "Latn"),
        ("苹果手机新品 iOS", "Hani"),
        ("50 % — 2026", None),
        ("", None),
        ("★ ☎ →", None),
    ],
)
def test_the_script_of_most_letters(text: str, script: str | None) -> None:
    assert scripts_of([text]) == [script]


def test_of_equally_many_letters_the_first_script_is_meant() -> None:
    assert list(SCRIPTS)[:2] == ["Latn", "Hani"]
    assert scripts_of(["ab你好", "你好ab"]) == ["Latn", "Latn"]


def test_many_texts_and_none() -> None:
    assert scripts_of(["a", "1", "字"]) == ["Latn", None, "Hani"]
    assert scripts_of([]) == []
