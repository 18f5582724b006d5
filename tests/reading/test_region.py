"""Plates out of photographs, by a box and by four corners."""

import cv2
import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax.errors import UserError
from lpasrn_jax.reading.region import Region
from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import random_bundle


@pytest.fixture
def photograph(rng):
    return rng.integers(0, 256, (60, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return lp.load(save_bundle(tmp_path_factory.mktemp("weights") / "small", random_bundle()))


def test_without_either_it_is_the_image(photograph):
    assert Region().cut(photograph) is photograph


def test_a_box_is_its_pixels_as_far_as_the_image_goes(photograph):
    np.testing.assert_array_equal(Region(box=(10, 20, 30, 12)).cut(photograph), photograph[20:32, 10:40])
    np.testing.assert_array_equal(Region(box=(-5, 50, 30, 40)).cut(photograph), photograph[50:, :25])
    np.testing.assert_array_equal(Region(box=(9.6, 20.2, 30, 12)).cut(photograph), photograph[20:32, 10:40])


def test_upright_corners_are_a_box(photograph):
    """Corners lie on the outer corners of the pixels."""
    corners = [(9.5, 19.5), (39.5, 19.5), (39.5, 31.5), (9.5, 31.5)]
    np.testing.assert_array_equal(Region(corners=corners).cut(photograph), photograph[20:32, 10:40])


def test_corners_undo_the_perspective():
    """A picture that is warped into a photograph comes back."""
    x, y = np.meshgrid(np.arange(90), np.arange(30))
    picture = np.uint8(np.stack([128 + 90 * np.sin(x / 6), 128 + 90 * np.cos(y / 5), 2 * x], axis=-1))
    corners = np.float32([(20, 15), (112, 24), (108, 58), (25, 44)])
    outer = np.float32([(-0.5, -0.5), (89.5, -0.5), (89.5, 29.5), (-0.5, 29.5)])
    photograph = cv2.warpPerspective(
        picture, cv2.getPerspectiveTransform(outer, corners), (130, 80), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    plate = Region(corners=corners).cut(photograph)
    assert plate.shape[1] / plate.shape[0] == pytest.approx(92 / 34, rel=0.1)
    again = cv2.resize(plate, (90, 30), interpolation=cv2.INTER_AREA)
    assert np.abs(again[3:-3, 3:-3].astype(int) - picture[3:-3, 3:-3]).mean() < 6


@pytest.mark.parametrize(("region", "message"), [
    (dict(box=(1, 2, 3)), r"box: \(1, 2, 3\) found; expected \(x, y, width, height\) in pixels"),
    (dict(box="plate"), "box: 'plate' found"),
    (dict(box=(0, 0, np.nan, 9)), "box: .*nan.* found"),
    (dict(box=(100, 0, 30, 30)), "box: 100, 0, 30, 30 leaves 0 x 30 pixels of photo, which has 80 x 60"),
    (dict(box=(0, 0, -30, 30)), "leaves 0 x 30 pixels"),
    (dict(box=(0, 0, 9, 9), corners=[(0, 0)] * 4), "both found"),
    (dict(corners=[(0, 0), (9, 0), (9, 9)]), "corners: .* found; expected"),
    (dict(corners=[(0, 0), (90, 0), (90, 9), (0, 9)]), "are not all in photo, which has 80 x 60"),
    (dict(corners=[(0, 0), (0, 20), (40, 20), (40, 0)]), "do not go around a plate"),  # anticlockwise
    (dict(corners=[(0, 0), (40, 20), (40, 0), (0, 20)]), "do not go around a plate"),  # crossed
    (dict(corners=[(40, 20), (0, 20), (0, 0), (40, 0)]), "do not go around a plate"),  # upside down
    (dict(corners=[(0, 0), (40, 0), (40, 2), (0, 2)]), "hold 40 x 2 pixels"),
])  # fmt: skip
def test_what_is_no_region_is_said(region, message, photograph):
    with pytest.raises(UserError, match=message):
        Region(**region).cut(photograph, "photo")


def test_the_reader_takes_regions_everywhere(reader, photograph):
    box = dict(box=(10, 20, 30, 12))
    plate = photograph[20:32, 10:40]
    assert reader.read(photograph, **box) == reader.read(plate)
    assert reader.read_many([photograph] * 2, **box) == reader.read_many([plate] * 2)
    assert reader.read_track([photograph] * 2, **box) == reader.read_track([plate] * 2)
    np.testing.assert_array_equal(reader.enhance(photograph, **box), reader.enhance(plate))
    corners = [(9.5, 19.5), (39.5, 19.5), (39.5, 31.5), (9.5, 31.5)]
    assert reader.read(photograph, corners=corners) == reader.read(plate)
