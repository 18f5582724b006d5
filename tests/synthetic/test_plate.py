import numpy as np
import pytest

from lpasrn_jax.synthetic import canvas, scene
from lpasrn_jax.synthetic.plate import draw_plate


def draw(text, layout, pattern, seed=0):
    return draw_plate(text, layout, pattern, np.random.default_rng(seed))


def columns_with_ink(plate):
    """Runs of columns that hold dark pixels in the middle of the characters."""
    row = plate[canvas.px(62) : canvas.px(100), canvas.px(34) : -canvas.px(10)].mean(2)
    dark = (row < 0.35).any(0).astype(int)
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
    seed = next(seed for seed in range(20) if draw("III1111", "Brazilian", "LLLNNNN", seed).mean() > 0.5)  # a grey one
    assert columns_with_ink(draw("III1111", "Brazilian", "LLLNNNN", seed)) == 8


def test_layouts_have_their_colours():
    mercosur = draw("ABC1D23", "Mercosur", "LLLNLNN")
    band = mercosur[canvas.px(5) : canvas.px(26), canvas.px(50) : canvas.px(120)].mean((0, 1))
    assert band[2] > 2 * band[0], "a blue band"
    brazilian = [draw("ABC1234", "Brazilian", "LLLNNNN", seed) for seed in range(60)]
    redness = np.array([p[..., 0].mean() / p[..., 2].mean() for p in brazilian])
    assert 0 < (redness > 2).sum() < 20, "a red commercial plate now and then"


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
    aged = [scene.age_plate(plate, rng) for _ in range(3)]
    np.testing.assert_array_equal(plate, before)
    for one in aged:
        assert 0 <= one.min() <= one.max() <= 1
        assert np.corrcoef(one.mean(2).ravel(), before.mean(2).ravel())[0, 1] > 0.5
    assert np.abs(aged[0] - aged[1]).mean() > 0.005


def test_plate_lies_at_its_corners_in_the_scene(rng):
    plate = draw("ABC1234", "Mercosur", "LLLNLNN")
    on_car = scene.mount_on_car(plate, rng)
    (left, top), _, (right, bottom), _ = (scene.PLATE_CORNERS + 0.5).astype(int)
    inner = np.s_[20:-20, 20:-20]
    np.testing.assert_allclose(on_car[top:bottom, left:right][inner], plate[inner], atol=1e-6)
