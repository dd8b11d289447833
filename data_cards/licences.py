"""Licences as sources state them for images, under the Hub's names."""

from data_cards.facts import CardFacts

# Whatever else is stated makes the set's licence "other"
_HUB_LICENSES = frozenset(
    ["apache-2.0", "cc0-1.0", "mit", "pddl"]
    + [f"cc-by{terms}-{version}" for terms in ("", "-nc", "-nc-sa", "-sa") for version in ("2.0", "3.0", "4.0")]
)


def hub_license(facts: CardFacts) -> str | None:
    """The one licence that every sample states, under the Hub's name for it; None where there is none such."""
    stated = {count.key and count.key.strip().lower() for count in facts.licenses}
    (only,) = stated if len(stated) == 1 else (None,)
    return only if only in _HUB_LICENSES else None
