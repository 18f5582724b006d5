import dataclasses

import numpy as np
import pytest

from lpasrn_jax.synthetic import canvas, scene
from lpasrn_jax.synthetic.plate import TEXT_BOX, draw_plate
from lpasrn_jax.synthetic.ranges import RANGES, Range

PRIVATE = dataclasses.replace(RANGES.plate, brazilian_categories=(("private", 1.0),))


def draw(text, layout, pattern, seed=0, ranges=RANGES.plate):
    return draw_plate(text, layout, pattern, ranges, np.random.default_rng(seed))


def columns_with_ink(plate):
    """Runs of columns that hold dark pixels in the middle of the characters."""
    row = plate[canvas.px(62) : canvas.px(100), canvas.px(14) : -canvas.px(10)].mean(2)
    dark = (row < np.median(row) * 0.6).any(0).astype(int)
    return int((np.diff(dark, prepend=0) == 1).sum())


@pytest.mark.parametrize(
    ("text", "layout", "pattern"),
    [("HUH0000", "Brazilian", "LLLNNNN"), ("HUH0U00", "Mercosur", "LLLNLNN"), ("HH000", "Elsewhere", "LLNNN")],
)
def test_a_plate_is_an_image_in_range(text, layout, pattern):
    plate = draw(text, layout, pattern)
    assert plate.shape == (canvas.HEIGHT, canvas.WIDTH, 3)
    assert plate.dtype == np.float32
    assert 0 <= plate.min() < plate.max() <= 1


def test_old_plate_has_seven_characters_and_a_dot():
    clean = dataclasses.replace(PRIVATE, film=0.0, seal=0.0, ink=Range(0.02, 0.1))
    for seed in range(5):
        assert columns_with_ink(draw("III1111", "Brazilian", "LLLNNNN", seed, clean)) == 8


def test_mercosur_plates_have_a_blue_band():
    mercosur = draw("ABC1D23", "Mercosur", "LLLNLNN")
    band = mercosur[canvas.px(5) : canvas.px(26), canvas.px(50) : canvas.px(120)].mean((0, 1))
    assert band[2] > 2 * band[0]


@pytest.mark.parametrize(
    ("category", "brightest"), [("commercial", 0), ("test", 1), ("diplomatic", 2), ("learner", None), ("collector", None)]
)
def test_categories_have_their_colours(category, brightest):
    one = dataclasses.replace(RANGES.plate, brazilian_categories=((category, 1.0),), film=0.0)
    sheet = np.median(draw("ABC1234", "Brazilian", "LLLNNNN", ranges=one), (0, 1))
    if brightest is None:
        assert (sheet > 0.7).all() if category == "learner" else (sheet < 0.45).all()
    else:
        assert sheet.argmax() == brightest
        assert sheet.max() > 1.5 * np.median(sheet)


def test_most_brazilian_plates_are_grey_with_dark_ink():
    plates = [draw("ABC1234", "Brazilian", "LLLNNNN", seed) for seed in range(60)]
    grey = [np.ptp(np.median(plate, (0, 1))) < 0.1 and np.median(plate) > 0.5 for plate in plates]
    assert 40 < sum(grey) < 60


def test_proportions_of_the_letters_are_those_of_the_photographs():
    """What was measured on 51 photographs lies inside the ranges, and near their middle."""
    letters = RANGES.plate.brazilian
    for limits, measured in [
        (letters.cap_mm, (61.5, 65)),
        (letters.top_mm, (47, 52)),
        (letters.pitch, (0.764, 0.764)),
        (letters.group_pitch, (1.12, 1.12)),
        (letters.weight, (0.178, 0.178)),
        (letters.width, (0.645, 0.645)),
        (letters.corner, (0.1, 0.15)),
    ]:
        assert limits.low < min(measured)
        assert max(measured) < limits.high
        assert abs((limits.low + limits.high) / 2 - np.mean(measured)) < 0.2 * (limits.high - limits.low)


def test_characters_stay_inside_the_box_that_crops_keep():
    left, top, right, bottom = (round(v * side) for v, side in zip(TEXT_BOX, (canvas.WIDTH, canvas.HEIGHT) * 2, strict=True))
    clean = dataclasses.replace(PRIVATE, film=0.0, emboss=Range(0, 0))
    for layout, pattern, a, b in (("Brazilian", "LLLNNNN", "MMM8888", "III1111"), ("Mercosur", "LLLNLNN", "WWW8W88", "III1I11")):
        for seed in range(30):
            changed = np.abs(draw(a, layout, pattern, seed, clean) - draw(b, layout, pattern, seed, clean)).max(2) > 0.05
            rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
            assert top <= rows[0] <= rows[-1] < bottom
            assert left <= columns[0] <= columns[-1] < right


def test_other_texts_are_other_plates():
    a, b = draw("ABC1234", "Brazilian", "LLLNNNN"), draw("ABC1235", "Brazilian", "LLLNNNN")
    different = np.abs(a - b).max(2) > 0.1
    assert different.any()
    assert not different[:, : canvas.WIDTH * 4 // 5].any(), "only the last slot differs"


@pytest.mark.parametrize("pattern", ["LLNN", "LLLLNNNNNN", "NNNNNNN", "LLLLLLL"])
def test_other_patterns_fit_the_plate(pattern):
    wide, narrow = ("".join(letter if kind == "L" else digit for kind in pattern) for letter, digit in ("W8", "I1"))
    for layout in ("Brazilian", "Mercosur", "Elsewhere"):
        plates = [draw(text, layout, pattern) for text in (wide, narrow)]
        for side in (np.s_[:, : canvas.px(10)], np.s_[:, -canvas.px(10) :]):
            np.testing.assert_array_equal(plates[0][side], plates[1][side], err_msg=f"ink runs over the edge: {layout}")


def test_ageing_keeps_the_plate_and_varies(rng):
    plate = draw("ABC1234", "Brazilian", "LLLNNNN")
    before = plate.copy()
    aged = [scene.age_plate(plate, RANGES.plate, rng) for _ in range(3)]
    np.testing.assert_array_equal(plate, before)
    for one in aged:
        assert 0 <= one.min() <= one.max() <= 1
        assert np.corrcoef(one.mean(2).ravel(), before.mean(2).ravel())[0, 1] > 0.5
    assert np.abs(aged[0] - aged[1]).mean() > 0.005


def test_plate_lies_at_its_corners_in_the_scene(rng):
    plate = draw("ABC1234", "Mercosur", "LLLNLNN")
    flat = dataclasses.replace(RANGES.plate, bend_mm=Range(0, 0), reflectors=0.0)
    on_car = scene.mount_on_car(plate, flat, rng)
    (left, top), _, (right, bottom), _ = (scene.PLATE_CORNERS + 0.5).astype(int)
    inner = np.s_[14:-14, 14:-14]
    np.testing.assert_allclose(on_car[top:bottom, left:right][inner] / 255, plate[inner], atol=0.003)


def test_a_bent_plate_keeps_its_corners():
    plate = draw("ABC1234", "Mercosur", "LLLNLNN")
    bent, flat = (
        1
        / 255
        * scene.mount_on_car(
            plate,
            dataclasses.replace(RANGES.plate, bend_mm=Range(mm, mm), outline_radius_mm=Range(1, 1)),
            np.random.default_rng(4),
        )
        for mm in (4, 0)
    )
    assert np.abs(bent - flat).mean() > 0.01
    for x, y in scene.PLATE_CORNERS.round().astype(int):
        corner = np.s_[y - 1 : y + 2, x - 1 : x + 2]
        assert np.abs(bent[corner] - flat[corner]).mean() < 0.05
