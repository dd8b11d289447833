"""What the photographs in scikit-image's wheel show: captions of ours, each true of the very crop it stands beside."""

from dataclasses import dataclass
from pathlib import PurePath

Box = tuple[int, int, int, int]

_CC0 = "CC0-1.0"
_PUBLIC_DOMAIN = "public domain"
_NO_KNOWN_COPYRIGHT = "no known copyright restrictions"


@dataclass(frozen=True, slots=True)
class View:
    """A crop of a photograph, or all of it, with captions that are true of it."""

    captions: tuple[str, ...]
    box: Box | None = None
    """x1 y1 x2 y2 in pixels of the photograph"""


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture of the package, by its file name there."""

    file: str
    license: str | None
    """as scikit-image's documentation states it; None where it does not"""
    views: tuple[View, ...]

    @property
    def name(self) -> str:
        """The file name without its suffix."""
        return PurePath(self.file).stem


PHOTOGRAPHS = (
    Photograph(
        "astronaut.png",
        _PUBLIC_DOMAIN,
        (
            View(
                (
                    "Portrait of a smiling astronaut in an orange pressure suit, her helmet beside her",
                    "A woman with short blond hair in an orange space suit, a flag on the left and a model of the "
                    "Space Shuttle on the right",
                    "Official portrait of NASA astronaut Eileen Collins",
                    "An astronaut in an orange suit poses in front of an American flag and a Space Shuttle model",
                )
            ),
            View(
                (
                    "The smiling face of a woman with short blond hair above the dark collar ring of a space suit",
                    "Close-up portrait of astronaut Eileen Collins",
                ),
                (110, 0, 330, 220),
            ),
            View(
                (
                    "A white model of the Space Shuttle with its brown external tank against a mottled grey wall",
                    "A Space Shuttle model standing upright on a black base",
                ),
                (340, 0, 490, 290),
            ),
            View(
                ("A white space helmet with a shiny black visor", "A bright rectangle reflected in a dark visor"),
                (270, 330, 512, 512),
            ),
            View(
                (
                    "A round mission patch with the names of the crew on an orange suit",
                    "An embroidered patch that shows a Space Shuttle, on orange cloth",
                ),
                (110, 325, 235, 445),
            ),
        ),
    ),
    Photograph(
        "camera.png",
        _CC0,
        (
            View(
                (
                    "A man in a dark coat looks through a camera on a tripod",
                    "Black-and-white photograph of a cameraman at work on a large lawn, buildings on the horizon",
                    "A photographer bends down to the viewfinder of his camera",
                    "A man films on a field of grass, a tall tower block behind him",
                )
            ),
            View(
                (
                    "Profile of a dark-haired man with his eye at a camera",
                    "A man with gloves on holds a small camera to his eye",
                ),
                (130, 50, 350, 230),
            ),
            View(
                ("The legs of a tripod on a lawn, in black and white", "A metal tripod stands on short grass"),
                (220, 250, 430, 512),
            ),
            View(
                (
                    "A campus skyline with a tall tower, a dome and bare trees behind a lawn",
                    "A high-rise building with a white ball on its roof beyond a wide field",
                ),
                (325, 100, 512, 250),
            ),
        ),
    ),
    Photograph(
        "chelsea.png",
        _CC0,
        (
            View(
                (
                    "A tabby cat with green eyes and long white whiskers",
                    "Close-up of the face of a brown tabby cat that looks to the side",
                    "A cat's face, its nose pink and its eyes greenish yellow",
                    "Portrait of a house cat with striped brown fur",
                )
            ),
            View(
                ("The green eye of a cat with a narrow pupil", "Macro photograph of a cat's eye in striped fur"),
                (120, 70, 230, 160),
            ),
            View(
                ("The pink nose and white whiskers of a cat", "A cat's nose and mouth from close by"),
                (180, 180, 340, 299),
            ),
            View(
                ("Both eyes of a tabby cat, wide open", "A cat stares past the camera with yellow-green eyes"),
                (110, 60, 370, 180),
            ),
        ),
    ),
    Photograph(
        "coffee.png",
        _CC0,
        (
            View(
                (
                    "A cup of espresso on a red saucer with a small spoon",
                    "An espresso in a reddish brown cup on a wooden table",
                    "Coffee in a cup that is white inside and red outside, a metal spoon on its saucer",
                    "A half-full cup of coffee seen from above on a scratched wooden table",
                )
            ),
            View(
                ("A shiny metal coffee spoon on a red saucer", "A small spoon leans against a red cup"),
                (300, 200, 430, 340),
            ),
            View(
                ("Espresso with a thin golden foam in a white-rimmed cup", "Looking down into a cup of coffee"),
                (165, 15, 410, 215),
            ),
            View(
                ("The brown grain of a worn wooden table top", "Scratched and varnished wood in warm light"),
                (490, 60, 600, 300),
            ),
        ),
    ),
    Photograph(
        "rocket.jpg",
        _PUBLIC_DOMAIN,
        (
            View(
                (
                    "A white rocket on its launch pad at dusk between tall lattice towers",
                    "A Falcon 9 rocket stands ready for launch under a dark blue sky",
                    "Floodlights shine at the foot of a rocket on a launch pad in the evening",
                    "A rocket between lightning towers before its launch",
                )
            ),
            View(
                ("The upper part of a slender white rocket in the evening sky", "The nose of a Falcon 9 rocket"),
                (260, 100, 350, 300),
            ),
            View(
                ("A tall steel lattice tower against a deep blue sky", "Part of a steel mast at nightfall"),
                (520, 0, 640, 300),
            ),
            View(
                (
                    "Star-shaped floodlights along the ground of a launch pad",
                    "Bright yellow lamps around the base of a rocket at dusk",
                ),
                (60, 320, 480, 427),
            ),
        ),
    ),
    Photograph(
        "hubble_deep_field.jpg",
        _PUBLIC_DOMAIN,
        (
            View(
                (
                    "Hundreds of distant galaxies on a black sky, taken by the Hubble Space Telescope",
                    "A deep-field image of space full of small coloured galaxies",
                    "Galaxies of many shapes and colours scattered over a dark background",
                    "Red, blue and white specks of light in deep space",
                )
            ),
            View(
                ("Orange and white galaxies in a small piece of the sky", "A crop of the Hubble deep field"),
                (560, 300, 860, 620),
            ),
            View(
                ("A pale round galaxy among many small ones", "Faint specks of light around a whitish galaxy"),
                (60, 330, 260, 480),
            ),
        ),
    ),
    Photograph(
        "retina.jpg",
        _CC0,
        (
            View(
                (
                    "Fundus photograph of a human retina",
                    "The back of an eye with its blood vessels, seen through an ophthalmoscope",
                    "A healthy retina, orange-red, with a bright optic disc on the left",
                    "A round medical picture of the inside of an eye on a black background",
                )
            ),
            View(
                ("The bright optic disc of a retina, where the blood vessels meet", "An optic nerve head"),
                (100, 480, 400, 860),
            ),
            View(
                ("The dark spot of the macula in the middle of a retina", "The fovea among fine blood vessels"),
                (560, 560, 880, 840),
            ),
        ),
    ),
    Photograph(
        "motorcycle_left.png",
        None,
        (
            View(
                (
                    "A red motorcycle parked in a garage",
                    "A motorcycle with a red tank on a concrete floor, shelves with boxes behind it",
                    "Side view of a red and black motorcycle on its stand",
                    "A garage with a motorcycle, a wooden bench and a steel shelf full of tools and boxes",
                )
            ),
            View(
                ("The front wheel of a motorcycle below a red fender", "A spoked wheel with a black tyre"),
                (510, 250, 640, 470),
            ),
            View(
                ("The engine of a motorcycle below its red tank", "A chrome motorcycle engine, seen from the side"),
                (290, 200, 500, 400),
            ),
            View(
                ("Cardboard boxes and tools on grey shelves", "A shelf in a garage, stacked with boxes"),
                (490, 0, 741, 170),
            ),
        ),
    ),
    Photograph(
        "coins.png",
        _NO_KNOWN_COPYRIGHT,
        (
            View(
                (
                    "Twenty-four ancient coins in four rows on a dark background",
                    "Greek coins from Pompeii laid out in rows",
                    "A black-and-white museum photograph of old coins of several sizes",
                    "Rows of worn round coins on a dark surface",
                )
            ),
            View(("The two top rows of a collection of old coins", "A dozen old coins in two rows"), (0, 0, 384, 150)),
            View(
                ("Two ancient coins with heads in profile", "A helmeted head on one coin, a larger coin to its right"),
                (240, 140, 384, 235),
            ),
        ),
    ),
    Photograph(
        "moon.png",
        None,
        (
            View(
                (
                    "The surface of the Moon with craters of several sizes",
                    "A grey plain on the Moon, one large round crater at the upper left",
                    "A low-contrast view of lunar craters and dark patches",
                )
            ),
            View(("A round lunar crater, lit from one side", "A single crater on the Moon"), (60, 40, 190, 140)),
        ),
    ),
    Photograph(
        "clock_motion.png",
        _PUBLIC_DOMAIN,
        (
            View(
                (
                    "A wall clock, blurred beyond reading by a moving camera",
                    "Motion blur: a bright round clock smeared from side to side",
                    "An unsharp black-and-white picture of a round white clock",
                )
            ),
        ),
    ),
    Photograph(
        "brick.png",
        _CC0,
        (
            View(
                (
                    "A pavement of long bricks with pale joints",
                    "Grey bricks in a running bond, seen in black and white",
                    "Texture of narrow paving bricks",
                )
            ),
            View(("A few bricks and the mortar between them", "Brickwork from close by"), (40, 60, 220, 240)),
        ),
    ),
    Photograph(
        "grass.png",
        _CC0,
        (
            View(
                (
                    "A lawn seen from above, in black and white",
                    "Blades of grass and small leaves",
                    "Texture of short grass with some clover",
                )
            ),
            View(("A tangle of grass blades", "A patch of lawn from close by"), (260, 250, 460, 420)),
        ),
    ),
    Photograph(
        "gravel.png",
        _CC0,
        (
            View(
                (
                    "Grey gravel seen from above",
                    "A path of small crushed stones",
                    "Texture of sharp-edged gravel in black and white",
                )
            ),
            View(("A handful of small angular stones", "Crushed stones from close by"), (100, 120, 280, 320)),
        ),
    ),
    Photograph(
        "page.png",
        None,
        (
            View(
                (
                    "A page of a book under the heading “Region-based segmentation”",
                    "Printed text about markers of coins and background, unevenly lit",
                    "Photograph of a printed page with a heading, a paragraph and a line of code",
                )
            ),
        ),
    ),
)
