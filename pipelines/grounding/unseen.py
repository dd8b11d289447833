"""Which phrases name nothing that a box could be drawn around: lists of heads, and the rules by which they are used.

GRIT drops abstract ones that are hard to recognise, and names time, love and freedom (Kosmos-2 §2). The other entries,
and the rules, are ours; docs/grounding.md tells them. Heads are compared in lower case, plurals in -s included.
"""

import re
from typing import Literal

from pipelines.grounding.noun_chunks import Chunk
from pipelines.grounding.parses import Parse, words

Unseen = Literal["pronoun", "photo_word", "relational", "time", "measure", "colour", "abstract", "no_letters"]
"""Why a phrase is dropped."""

PHOTO_WORDS = words(
    """
    photo photograph photography image pic closeup up view overview shot snapshot footage stock clipart clip-art
    render rendering vector selfie screenshot thumbnail wallpaper preview foto montage panorama depiction
    """
)
"""What a caption calls the image itself."""
DEPICTIONS = words(
    """
    picture portrait illustration drawing painting sketch print cartoon artwork video scene collage
    """
)
"""They are the image where "of" or "with" says what they show, and else hang on its wall."""
RELATIONAL = words(
    """
    front top back side middle center centre background foreground corner edge bottom rear left right distance end
    inside outside rest part portion half surface surroundings vicinity midst direction interior exterior
    """
)
"""Places in the image or at a thing: dropped unless a word says what they look like ("a white background")."""
_NO_LOOK = words(
    """
    left right far upper lower other opposite very same bottom top front back near right-hand left-hand
    """
)
TIMES = words(
    """
    time day night morning evening afternoon noon midnight midday today tonight tomorrow yesterday week weekend
    month year hour minute second moment century decade season era age period date summer autumn winter daytime
    nighttime january february april may june july august september october november december monday tuesday
    wednesday thursday friday saturday sunday while future anniversary
    """
)
_TIMES_AFTER = words(
    """
    sunset sunrise dusk dawn twilight daybreak nightfall dinner lunch breakfast spring fall march may
    """
)
"""Times after a preposition that says when ("at sunset"), sights otherwise ("a red sunset")."""
_WHEN = frozenset(("at", "in", "before", "after", "during", "until", "since", "by"))
MEASURES = words(
    """
    cm mm m km inch in ft mile oz ounce ml l litre liter gallon g kg gram lb pound pcs pc pack percent % px mp gb tb
    mb mah w watt v volt size xs s xl xxl xxxl number amount lot lots plenty dozen hundred thousand million billion
    kind type sort variety quantity degree length width height weight depth price cost dollar euro usd quality
    majority minority score level rate
    """
)
COLOURS = words(
    """
    red blue green yellow purple pink brown black white gray grey silver gold golden navy beige ivory teal turquoise
    maroon burgundy khaki tan charcoal multicolor multicolour color colour dark light bright pale royal
    """
)
"""Colours alone, as behind a product's title."""
ABSTRACT = words(
    """
    love freedom happiness joy beauty peace hope life death success business concept idea theme style design fashion
    travel nature culture history tradition religion faith education science technology knowledge health wellness
    care safety security power energy strength speed pressure motion movement action activity process method way
    manner mode condition situation reason purpose use usage role job work employment career fun humor luck dream
    inspiration motivation emotion feeling mood sense thought mind soul spirit truth fact information detail data
    news story experience opportunity chance choice decision challenge problem issue question answer solution advice
    tip help support service sale shipping delivery discount offer deal edition version brand series format
    resolution purchase order relationship friendship marriage romance attention interest pride fear anger sadness
    loneliness silence noise sound music name title word meaning symbol quote language economy politics policy law
    justice democracy war attack election event accident earthquake incident crisis crime victory defeat win loss
    penalty goal competition training practice cycling swimming hiking shopping cooking photography fitness yoga
    running vacation holiday trip journey adventure weather temperature air wind thing stuff something place area
    conversation discussion talk speech visit arrival departure preparation celebration performance
    """
)

_FUNCTION = words("a an the this that these those my your his her its our their some any")
_CLOSE_UP = frozenset(("close", "up"))
_NUMBER_WITH_UNIT = re.compile(r"[\d.,]+[a-z]{1,3}")
_OF = frozenset(("of", "with", "showing"))


def unseen(parse: Parse, chunk: Chunk) -> Unseen | None:
    """Why nobody could draw a box around what the chunk names; None where somebody could."""
    if parse.pos[chunk.head] == "PRON":
        return "pronoun"
    words = [word for word in parse.lower[chunk.start : chunk.end] if word not in _FUNCTION]
    if not any(character.isalpha() for word in words for character in word):
        return "no_letters"
    head = parse.lower[chunk.head]
    before = parse.lower[chunk.start - 1] if chunk.start else ""
    behind = parse.lower[chunk.end] if chunk.end < len(parse.lower) else ""
    if _in(head, PHOTO_WORDS) or _CLOSE_UP.issubset(words) or (_in(head, DEPICTIONS) and behind in _OF):
        return "photo_word"
    if _in(head, RELATIONAL) and _NO_LOOK.issuperset(words[:-1]):
        return "relational"
    if _in(head, TIMES) or (head in _TIMES_AFTER and before in _WHEN):
        return "time"
    if _in(head, MEASURES) or _NUMBER_WITH_UNIT.fullmatch(head):
        return "measure"
    if COLOURS.issuperset(words):
        return "colour"
    return "abstract" if _in(head, ABSTRACT) else None


def _in(head: str, heads: frozenset[str]) -> bool:
    return head in heads or (head.endswith("s") and (head[:-1] in heads or head[:-2] in heads))
