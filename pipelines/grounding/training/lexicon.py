"""Words of captions, and more of them from a treebank, so that grammatical frames are learned and not these words."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.grounding.training.trees import Tree, words_of

_PEOPLE = """
man woman boy girl child person player worker student teacher tourist couple baby chef waiter nurse farmer soldier
rider driver dancer singer artist fisherman athlete officer mother father friend kid bride groom crowd family team
"""
_ANIMALS = """
dog cat horse cow sheep bird duck elephant bear zebra giraffe fish butterfly lion tiger rabbit monkey goat pig owl
squirrel fox deer puppy kitten parrot turtle bee
"""
_THINGS = """
car bus truck train motorcycle bicycle boat plane helicopter tractor bench table chair sofa bed desk lamp mirror
window door wall floor fence bridge building tower castle church house street road sidewalk park garden field forest
tree flower leaf river lake ocean beach mountain hill cliff sky cloud sun moon rock stone wave bowl cup glass bottle
plate fork knife spoon pan cake pizza sandwich salad apple orange lemon tomato carrot potato onion cookie shirt dress
jacket coat hat cap helmet shoe boot sock scarf tie glove bag backpack suitcase wallet umbrella ball bat racket
skateboard surfboard kite phone laptop computer keyboard camera book newspaper sign poster flag clock vase candle
basket box toy doll balloon guitar piano drum microphone stage kitchen bathroom bedroom office room store market
restaurant airport station city village face eye tattoo ring necklace bracelet earring watch sticker icon pattern
background texture logo pillow blanket curtain rug towel mug kettle oven fridge drawer shelf cabinet ladder tool
hammer drill rope tent wheel engine screen speaker cable
"""
_MASS = """
grass water sand snow rain meat chicken rice soup coffee tea wine beer bread cheese fruit hair traffic smoke fire
furniture jewelry wood metal paper pasta milk ice wheat fog mud
"""
_ADJECTIVES = """
red blue green yellow orange purple pink brown black white gray grey silver golden dark bright colorful small large
big tiny huge tall short long old young new modern vintage antique wooden plastic metallic empty full open closed
clean dirty wet dry happy sad beautiful cute pretty elegant rustic striped round square flat soft fluffy furry
delicious fresh ripe hot cold frozen cloudy sunny snowy rocky grassy sandy busy crowded quiet abstract decorative
floral traditional portable electric digital waterproof handmade personalized custom cordless wireless stainless
outdoor adjustable reusable heavy light narrow wide steep curly blond bald elderly smiling sleeping burning broken
folded
"""
_INTRANSITIVE = """
stand sit walk run jump sleep play look fly rest pose float drift glow shine rise fall hang lean grow bloom wait dance
swim smile laugh cry graze lie sail sing work burn flow drive speak talk swing pass move land arrive depart leave
perform celebrate march gather protest line queue travel climb dive surf ski skate hike camp cycle sprint race kneel
crouch bow wave nod stare gaze glance peer sparkle flicker flash melt freeze boil bubble spill drip splash crash
collapse roll spin turn bounce slide slip stretch yawn bark howl roar chirp perch roost nest hover circle dangle tower
stretch sprawl snake wind meander end begin open close vanish appear emerge burst explode erupt bathe shop eat drink
study read train practice compete win lose score cheer clap applaud shout scream whisper chat meet camp fish hunt head
charge gallop trot wander stroll
"""
_TRANSITIVE = """
hold wear ride carry eat chase throw read cut feed watch push catch make sell cross drink kick hit pull paint cover
fill show surround overlook face follow open use visit win celebrate oppose sign announce unveil guard check repair
fix harvest pick plant water wash clean cook bake slice chop stir pour serve load lift drag drop toss grab grip
squeeze hug kiss pet groom walk train shoot film photograph record play strum bang beat build paint draw sketch sculpt
carve sew knit weave fold hang stack pile pack wrap tie lock park steer drive row sail pilot board block battle fight
attack defend save score join lead host greet welcome address question arrest search rescue treat examine test inspect
install mount launch light burn smoke sniff lick bite chew munch swallow sip taste smell touch stroke scratch brush
comb dry iron line ring frame flank border circle cross climb enter leave approach pass cast reflect house hide block
spray shake wave raise
"""
_PAST = """
stood sat ran held wore rode ate threw read cut fed caught made sold won spoke drove swam sang fell rose grew hung lay
built drew shot fought led met left broke took gave saw came went
"""
_IRREGULAR_PAST = dict(
    zip(
        words_of(
            """
    stand sit run hold wear ride eat throw read cut feed catch make sell win speak drive swim sing fall rise
    grow hang lie build draw shoot fight lead meet leave
    """
        ),
        _PAST.split(),
        strict=False,
    )
)
_PLURALS = {"man": "men", "woman": "women", "child": "children", "person": "people", "fish": "fish", "sheep": "sheep"}
_PLURALS |= {"knife": "knives", "shelf": "shelves", "leaf": "leaves", "fisherman": "fishermen", "deer": "deer"}
_PLURALS |= {"potato": "potatoes", "tomato": "tomatoes"}
_DOUBLING = frozenset(
    words_of(
        """
    sit run jog cut hit swim win drag drop grab grip chop stir hug pet hug spin slip chat clap shop nod drip
    """
    )
)

FIRST_NAMES = words_of(
    """
    Maria John Anna Peter Emily David Laura Tom Sarah Michael Nadia Omar Chen Ivan Lucy Karl Elena Ahmed Greta
    """
)
LAST_NAMES = words_of(
    """
    Novak Garcia Smith Okafor Tanaka Petrov Meyer Rossi Kim Dubois Larsen Haddad Silva Brown Walsh Ito
    """
)
OFFICES = words_of(
    """
    President Senator Mayor Governor Minister Chancellor Queen King Prince Princess Pope Bishop Judge General
    Captain Coach Actor Actress Singer Striker Goalkeeper Midfielder Driver Director Author Professor Dr. Mr.
    Mrs.
    """
)
PLACES = words_of(
    """
    Paris London Berlin Tokyo Chicago Madrid Rome Sydney Toronto Cairo Vienna Mumbai Boston Austin Kyoto Lima
    Dublin Prague Seoul Denver
    """
)
BRANDS = words_of(
    """
    Acme Zentro Lumora Kavex Brightline Orwell Tamsin Novaro Delmar Pinecrest Halden Vexo Solara Kessler
    """
)
MODELS = words_of(
    """
    Air Max Pro Zoom Ultra Plus Mini Lite Classic Flex Pulse Nova Aero Terra Trail Glide Boost Core Edge Prime
    """
)
ACRONYMS = words_of("LED USB HD 4K DIY LCD TV PVC RGB GPS 3D UV AC DC PU XL")
_GOODS = """
Running|Shoes Hiking|Boots Rain|Jacket Tank|Top Cotton|Socks Phone|Case Coffee|Maker Desk|Lamp Travel|Bag
Laptop|Sleeve Wall|Clock Area|Rug Throw|Pillow Shower|Curtain Dog|Collar Yoga|Mat Water|Bottle Bike|Helmet
Baby|Blanket Dining|Chair Garden|Hose Power|Drill Screen|Protector Lunch|Box Swim|Shorts Denim|Jeans Polo|Shirt
Carry|Bag Cup|Holder Living Room|Furniture Pillow|Cover Tote|Bag Camping|Chair Folding|Table Sleeping|Bag
Cutting|Board Frying|Pan Slim Fit|Shirt Train|Set Tea|Towel Floor|Mat Picture|Frame Card|Holder Key|Chain Bed|Frame
Book|Shelf Home|Decor
"""
COLOURS = words_of(
    """
    Black White Red Blue Green Pink Navy Brown Silver Gold Grey Beige Purple
    """
)
ADVERBS = words_of("slowly quietly happily gently proudly calmly together outside")
PARTICIPLES = words_of(
    """
    seated parked covered filled decorated surrounded made painted printed isolated displayed placed stacked
    shown dressed topped wrapped carved loaded lined lit built
    """
)
PLACE_PREPOSITIONS = words_of(
    """
    on in near at under behind beside by over across through against along inside above below around between
    """
)


@dataclass(frozen=True, slots=True)
class Verb:
    """The forms of a verb."""

    base: str
    third: str
    gerund: str
    past: str


@dataclass(frozen=True)
class Lexicon:
    """What the grammar fills its frames with."""

    people: Sequence[str]
    things: Sequence[str]
    mass: frozenset[str]
    adjectives: Sequence[str]
    intransitive: Sequence[Verb]
    transitive: Sequence[Verb]
    goods: Sequence[tuple[str, str]]

    def noun(self, rng: random.Random) -> str:
        """A thing or, less often, somebody."""
        return rng.choice(self.people if rng.random() < 0.3 else self.things)


def own_lexicon() -> Lexicon:
    """The words of this file."""
    mass = _MASS.split()
    return Lexicon(
        people=_PEOPLE.split() * 2 + _ANIMALS.split(),
        things=_THINGS.split() + mass,
        mass=frozenset(mass),
        adjectives=_ADJECTIVES.split(),
        intransitive=[conjugated(base) for base in _INTRANSITIVE.split()],
        transitive=[conjugated(base) for base in _TRANSITIVE.split()],
        goods=[tuple(pair.rsplit("|", 1)) for pair in _pairs(_GOODS)],  # type: ignore[misc]
    )


def with_treebank(lexicon: Lexicon, trees: Iterable[Tree]) -> Lexicon:
    """The lexicon and the nouns, adjectives and verbs that stand at least twice in a treebank."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    with_object: Counter[str] = Counter()
    for tree in trees:
        objects = {word.head for word in tree if word.dep == "obj"}
        for at, word in enumerate(tree, 1):
            if word.lemma.isalpha() and word.lemma.islower():
                counts[word.xpos[:2]][word.lemma] += 1
                with_object[word.lemma] += word.upos == "VERB" and at in objects
    nouns, adjectives, verbs = ([lemma for lemma, n in counts[tag].items() if n > 1] for tag in ("NN", "JJ", "VB"))
    transitive = [verb for verb in verbs if 2 * with_object[verb] > counts["VB"][verb]]
    intransitive = [verb for verb in verbs if 4 * with_object[verb] < counts["VB"][verb] and verb not in {"be", "have"}]
    return Lexicon(
        lexicon.people,
        [*lexicon.things, *nouns],
        lexicon.mass,
        [*lexicon.adjectives, *adjectives],
        [*lexicon.intransitive, *map(conjugated, intransitive)],
        [*lexicon.transitive, *map(conjugated, transitive)],
        lexicon.goods,
    )


def conjugated(base: str) -> Verb:
    """The forms of a verb, regular ones for the most part."""
    ends_in_y = base.endswith("y") and base[-2:-1] not in "aeiou"
    third = (
        base[:-1] + "ies" if ends_in_y else base + ("es" if base.endswith(("s", "x", "ch", "sh", "z", "o")) else "s")
    )
    stem = base + base[-1] if base in _DOUBLING else base
    if base.endswith("ie"):
        gerund = base[:-2] + "ying"
    else:
        gerund = (stem[:-1] if stem.endswith("e") and not stem.endswith("ee") else stem) + "ing"
    past = base[:-1] + "ied" if ends_in_y else stem + ("d" if stem.endswith("e") else "ed")
    return Verb(base, third, gerund, _IRREGULAR_PAST.get(base, past))


def plural(noun: str) -> str:
    """The plural of a noun."""
    if noun in _PLURALS:
        return _PLURALS[noun]
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def _pairs(goods: str) -> list[str]:
    found: list[str] = []
    opening: list[str] = []
    for word in goods.split():
        opening.append(word)
        if "|" in word:
            found.append(" ".join(opening))
            opening = []
    return found
