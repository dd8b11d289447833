import pytest
from pydantic import ValidationError

from pipelines.card_spec import CardSpec
from schemas.statements import STATEMENTS


def test_a_recipe_can_say_just_what_a_card_asks() -> None:
    assert list(CardSpec.model_fields) == list(STATEMENTS)


def test_only_what_is_said_is_a_statement() -> None:
    spec = CardSpec(motivation=" To see. ", creators=("A", "B"))
    assert spec.statements == {"motivation": "To see.", "creators": "A\nB"}
    assert CardSpec().statements == {}


@pytest.mark.parametrize("homepage", ["javascript:alert(1)", "https://a b", 'https://a"b', "example.org"])
def test_a_homepage_is_a_web_address(homepage: str) -> None:
    with pytest.raises(ValidationError, match="homepage"):
        CardSpec(homepage=homepage)
