from typing import Any

import numpy as np
import pytest

from pipelines.chatml.dialects.internvl import InternVL
from pipelines.chatml.dialects.protocol import Budget, Found, Grounded
from pipelines.chatml.dialects.tiles import tile_grid

INTERNVL = InternVL()


def tiles(width: int, height: int, max_tiles: int | None = None) -> tuple[int, int]:
    """(columns, rows)."""
    (new_width,), (new_height,) = INTERNVL.resized(
        np.array([width]), np.array([height]), INTERNVL.budget(Budget(max_tiles=max_tiles))
    )
    assert (new_width % 448, new_height % 448) == (0, 0)
    return int(new_width) // 448, int(new_height) // 448


def tokens(width: int, height: int, max_tiles: int | None = None) -> int:
    budget = INTERNVL.budget(Budget(max_tiles=max_tiles))
    return int(INTERNVL.image_tokens(np.array([width]), np.array([height]), budget)[0])


def grid(fractions: Any) -> Any:
    one = np.array([1])
    return INTERNVL.to_grid(np.array([fractions], np.float64), one, one, INTERNVL.budget(Budget()))[0].tolist()


@pytest.mark.parametrize(
    ("size", "max_tiles", "expected", "n_tokens"),
    [
        ((800, 1300), None, (2, 3), 1792),
        ((800, 1300), 40, (5, 8), 10_496),
        ((512, 512), None, (1, 1), 256),
        ((40, 400), 6, (1, 6), 1792),
        ((40, 400), 12, (1, 10), 2816),
        ((633, 633), None, (1, 1), 256),
        ((634, 634), None, (2, 2), 1280),
        ((950, 950), 12, (2, 2), 1280),
        ((951, 951), 12, (3, 3), 2560),
        ((1024, 768), 6, (3, 2), 1792),
        ((1024, 768), 12, (4, 3), 3328),
    ],
)
def test_images_are_tiled_as_published(
    size: tuple[int, int], max_tiles: int | None, expected: tuple[int, int], n_tokens: int
) -> None:
    assert tiles(*size, max_tiles) == expected
    assert tokens(*size, max_tiles) == n_tokens


def test_a_tiled_image_is_resized_to_whole_tiles() -> None:
    budget = INTERNVL.budget(Budget())
    sides = INTERNVL.resized(np.array([800, 40]), np.array([1300, 400]), budget)
    assert np.stack(sides, axis=1).tolist() == [[896, 1344], [448, 4480]]


def test_a_thumbnail_is_added_to_more_than_one_tile_alone() -> None:
    assert tokens(40, 400, 12) == 10 * 256 + 256
    assert tokens(512, 512) == 256


@pytest.mark.parametrize(("max_tiles", "n_ratios"), [(6, 14), (12, 35)])
def test_as_many_grids_as_published(max_tiles: int, n_ratios: int) -> None:
    # each grid has an image that it alone fits, if that is large enough to want all its tiles
    every = [(i, j) for i in range(1, max_tiles + 1) for j in range(1, max_tiles + 1) if i * j <= max_tiles]
    assert len(every) == n_ratios
    columns, rows = np.array(every).T
    just_enough = np.stack(tile_grid(columns * 448, rows * 448, max_tiles), axis=1)
    assert just_enough.tolist() == [list(one) for one in every]


def test_no_shape_is_refused() -> None:
    assert not INTERNVL.unfit(np.array([1, 100_000]), np.array([100_000, 1])).any()
    assert tokens(100_000, 1) == 13 * 256


def test_twelve_tiles_unless_asked_otherwise() -> None:
    assert INTERNVL.budget(Budget()) == Budget(max_tiles=12)
    assert INTERNVL.budget(Budget(max_tiles=40)) == Budget(max_tiles=40)


@pytest.mark.parametrize("max_tiles", [0, -1, 129, 12_845_056])
def test_no_tile_and_very_many_are_refused(max_tiles: int) -> None:
    with pytest.raises(ValueError, match="1 to 128"):
        INTERNVL.budget(Budget(max_tiles=max_tiles))


def test_a_limit_of_pixels_is_another_familys() -> None:
    with pytest.raises(ValueError, match="max_pixels"):
        INTERNVL.budget(Budget(max_pixels=1_000_000))


@pytest.mark.parametrize(("n_images", "each"), [(1, 12), (2, 6), (5, 2), (12, 1), (40, 1)])
def test_several_images_share_the_tiles(n_images: int, each: int) -> None:
    assert INTERNVL.budget_each(Budget(max_tiles=12), n_images) == Budget(max_tiles=each)


def test_the_grid_is_thousandths_cut_off() -> None:
    box = np.array([123, 45, 400, 333]) / [640, 480, 640, 480]
    assert grid(box) == [192, 93, 625, 693]
    assert grid(box.astype(np.float32)) == [192, 93, 625, 693]


def test_whole_thousandths_stay_though_float32_blurs_them() -> None:
    thousandths = np.arange(1001)
    blurred = (thousandths / 1000).astype(np.float32).astype(np.float64)
    assert (np.floor(blurred * 1000) != thousandths).any()
    assert grid(blurred) == thousandths.tolist()


def test_the_right_edge_is_1000() -> None:
    assert grid([0, 0, 1, 1]) == [0, 0, 1000, 1000]


def test_what_is_no_fraction_is_clamped() -> None:
    assert grid([float("nan"), -0.5, float("inf"), 1.5]) == [0, 0, 1000, 1000]


def test_boxes_of_a_phrase_are_one_list() -> None:
    assert INTERNVL.write("dog", [(1, 2, 3, 4)]) == "<ref>dog</ref><box>[[1, 2, 3, 4]]</box>"
    assert INTERNVL.write("狗", [(1, 2, 3, 4), (5, 6, 7, 8)]) == "<ref>狗</ref><box>[[1, 2, 3, 4], [5, 6, 7, 8]]</box>"
    assert INTERNVL.write(None, [(1, 2, 3, 4)]) == "<box>[[1, 2, 3, 4]]</box>"


def test_quads_are_written_like_boxes() -> None:
    quad = tuple(range(1, 9))
    assert INTERNVL.write("EXIT", [quad, quad]) == (
        "<ref>EXIT</ref><quad>[[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8]]</quad>"
    )


def test_numpy_numbers_are_written_as_numbers() -> None:
    assert INTERNVL.write(None, np.array([[1, 2, 3, 4]])) == "<box>[[1, 2, 3, 4]]</box>"  # type: ignore[arg-type]


def test_a_grounded_text_marks_phrases_where_they_stand() -> None:
    text = INTERNVL.write_grounded([Grounded("A man", ((1, 2, 3, 4),)), " and ", Grounded("a dog", ((5, 6, 7, 8),))])
    assert text == "<ref>A man</ref><box>[[1, 2, 3, 4]]</box> and <ref>a dog</ref><box>[[5, 6, 7, 8]]</box>"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no box", []),
        ("<box>[[1,2,3,4]]</box>", [Found(None, "box", ((1, 2, 3, 4),))]),
        ("<ref>a < b</ref><box>[[1, 2, 3, 4]]</box>", [Found("a < b", "box", ((1, 2, 3, 4),))]),
        ("<box>[1, 2, 3, 4]</box>", []),
        ("<box>[[1, 2, 3]]</box>", []),
        ("<box>[[1, 2, 3, 4]</box>", []),
        ("<box>[]</box>", []),
        ("<quad>[[1, 2, 3, 4]]</quad>", []),
        (
            "<ref>a</ref><box>[[1, 2, 3, x]]</box><ref>b</ref><box>[[1, 2, 3, 4]]</box>",
            [Found("b", "box", ((1, 2, 3, 4),))],
        ),
    ],
)
def test_what_is_malformed_is_skipped(text: str, found: list[Found]) -> None:
    assert INTERNVL.read(text) == found


@pytest.mark.parametrize("mark", ["<ref>", "</ref>", "<box>", "</quad>"])
def test_a_phrase_with_a_mark_in_it_is_not_written(mark: str) -> None:
    with pytest.raises(ValueError, match="neutralised"):
        INTERNVL.write(f"a {mark} dog", [(1, 2, 3, 4)])
