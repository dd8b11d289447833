"""URLs, addresses, file names, emoji and scripts in captions."""

import pytest
from pydantic import ValidationError

from pipelines.filters.captions.patterns import EmailInCaption, EmojiInCaption, FileName, OtherScript, UrlInCaption
from tests.support.captions import reason, value


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("A cat on a mat", None),
        ("Dr.Who meets Mr.Bean", None),
        ("mix 1.5 l of milk", None),
        ("a cat, see https://example.org/cat", 1),
        ("more at www.example.de and HTTP://example.net", 2),
        ("buy at shoes.com", 1),
        ("shoes.com", 1),
        ("write to jane.doe@mail.example.com", None),
        ("图片来自https://example.cn/猫", 1),
    ],
)
def test_urls(text: str, urls: float | None) -> None:
    assert reason(UrlInCaption(), text) == (urls and "url_in_caption")
    assert value(UrlInCaption(), text) == urls


def test_as_many_urls_as_allowed_may_stand_in_a_caption() -> None:
    assert reason(UrlInCaption(at_most=1), "see www.a.org") is None
    assert reason(UrlInCaption(at_most=1), "see www.a.org, www.b.org") == "url_in_caption"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("write to jane.doe@mail.example.org", True),
        ("联系abc@163.com", True),
        ("tomatoes @ the market", False),
        ("follow @shop", False),
    ],
)
def test_email_addresses(text: str, refused: bool) -> None:
    assert reason(EmailInCaption(), text) == ("email_in_caption" if refused else None)


@pytest.mark.parametrize(
    "text",
    [
        "IMG_1234.JPG",
        "a red dress.jpg",
        " DSC00123 ",
        "IMG-20190312-WA0007",
        "Screenshot 2021-03-04",
        "photo (3)",
        "image001",
        "d41d8cd98f00b204e9800998ecf8427e",
        "123e4567-e89b-12d3-a456-426614174000",
        "20210304_101112",
        "1920x1080",
        "red_dress_front",
        "red-dress-0012-front",
        "微信图片_20210304.png",
    ],
)
def test_names_of_files(text: str) -> None:
    assert reason(FileName(), text) == "file_name"


@pytest.mark.parametrize(
    "text",
    [
        "A red dress",
        "How a .jpg is compressed",
        "IMG Academy wins again",
        "image of a cat",
        "photo 3 of 12: the old town",
        "jack-in-the-box",
        "covid-19",
        "COVID-19 test kit",
        "Boeing 747 over the sea",
        "猫",
        "",
    ],
)
def test_what_is_no_name_of_a_file(text: str) -> None:
    assert reason(FileName(), text) is None


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        ("a cat", None),
        ("★ best ✓ © 2020 ♪ №1 →", None),
        ("猫咪，真可爱！", None),
        ("a cat 😀", 1),
        ("🐱🐶", 2),
        ("I ❤ NY", 1),
        ("sunny ☀️", 1),
        ("🇨🇳", 2),
    ],
)
def test_emoji(text: str, emoji: float | None) -> None:
    assert value(EmojiInCaption(), text) == emoji


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("A cat — “猫” №1 ½ 😀 20 €", None),
        ("Café crème à Zürich", None),
        ("Ｆｕｌｌ　ｗｉｄｔｈ，全角", None),
        ("e\u0301te\u0301", None),
        ("Привет", 6),
        ("ねこ 猫", 2),
        ("사진", 2),
        ("a \ue000 b", 1),
    ],
)
def test_letters_that_are_neither_english_nor_chinese(text: str, letters: float | None) -> None:
    assert value(OtherScript(), text) == letters


def test_other_scripts_may_be_asked_for() -> None:
    assert reason(OtherScript(scripts=("Cyrillic",)), "Привет") is None
    assert reason(OtherScript(scripts=("Cyrillic",)), "Hello") == "other_script"
    assert reason(OtherScript(at_most=2), "alpha αβ") is None
    assert reason(OtherScript(at_most=2), "alpha αβγ") == "other_script"


def test_a_script_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="no script of Unicode"):
        OtherScript(scripts=("English",))
