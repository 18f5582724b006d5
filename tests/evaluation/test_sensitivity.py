"""Crops, tilts, exposures and LR frames are what their names say."""

import numpy as np
import pytest

from lpasrn_jax.evaluation import sensitivity
from lpasrn_jax.evaluation.sensitivity import Plate

SHEET, SURROUNDINGS, BAR = 200, 40, 140


@pytest.fixture
def plate():
    """A sheet of 40 x 120 pixels with a dark horizontal bar through its middle, in a larger image."""
    image = np.full((80, 200, 3), SURROUNDINGS, np.uint8)
    image[20:60, 40:160] = SHEET
    image[38:42, 40:160] = BAR
    corners = np.float32([[39.5, 19.5], [159.5, 19.5], [159.5, 59.5], [39.5, 59.5]])
    return Plate(image, corners, "ABC1234")


def share_of_surroundings(image):
    return np.mean(image[..., 0] < (SHEET + SURROUNDINGS) / 2)


@pytest.mark.parametrize("margin", [0.1, 0.2])
def test_a_margin_is_a_fraction_of_the_plate_at_each_side(plate, margin):
    image = sensitivity.crop(plate, margin)
    assert image.shape[:2] == (48, 144)
    assert share_of_surroundings(image) == pytest.approx(1 - 1 / (1 + 2 * margin) ** 2, abs=0.02)


def test_a_negative_margin_cuts_into_the_plate(plate):
    assert share_of_surroundings(sensitivity.crop(plate, -0.05)) == 0


def test_without_corners_the_whole_image_is_the_plate(plate):
    whole = Plate(plate.image, None, plate.text)
    assert sensitivity.crop(whole, 0.0, height=80).shape == (80, 200, 3)
    np.testing.assert_array_equal(sensitivity.crop(whole, 0.0, height=80), plate.image)


@pytest.mark.parametrize("degrees", [-6, 4])
def test_the_plate_is_turned_clockwise(plate, degrees):
    image = sensitivity.crop(plate, 0.0, degrees, height=40)[..., 0].astype(float)
    dark = np.abs(image - BAR) < 30
    dark[:8] = dark[32:] = False  # the rim, where sheet and surroundings mix
    columns = np.arange(30, 90)
    middles = [np.flatnonzero(dark[:, column]).mean() for column in columns]
    assert np.rad2deg(np.arctan(np.polyfit(columns, middles, 1)[0])) == pytest.approx(degrees, abs=0.7)


def test_exposure_multiplies_and_burns_out():
    np.testing.assert_array_equal(sensitivity.exposed(np.full((1, 2, 3), 100, np.uint8), 1.5), 150)
    np.testing.assert_array_equal(sensitivity.exposed(np.full((1, 2, 3), 200, np.uint8), 1.5), 255)


def test_lr_frames_have_their_height_and_differ_in_place_and_noise(plate):
    frames = sensitivity.lr_track(plate, 14, seed=1)
    assert [frame.shape for frame in frames] == [(14, 42, 3)] * sensitivity.FRAMES
    again = sensitivity.lr_track(plate, 14, seed=1)
    for frame, same in zip(frames, again, strict=True):
        np.testing.assert_array_equal(frame, same)
    assert all(np.any(frame != frames[0]) for frame in frames[1:])
    sheet = np.mean([frame[9:11, 8:34].mean() for frame in frames])
    assert sheet == pytest.approx(SHEET, abs=6)


def test_a_capture_does_what_its_name_says(plate):
    usual, smeared, noisy, coarse, dark, glaring = (
        np.float32(np.mean(sensitivity.lr_track(plate, 20, 1, sensitivity.CAPTURES[name]), axis=0))
        for name in ("usual", "smear of 2 px", "noise of 10 levels", "JPEG at 15", "dark, a fifth", "glare")
    )
    steepest = [abs(np.diff(image[5:15].mean((0, 2)))).max() for image in (usual, smeared)]  # at the sheet's edge
    assert steepest[1] < 0.9 * steepest[0]
    sheet = np.s_[12:17, 10:50]
    assert noisy[sheet].std() > 1.5 * usual[sheet].std()
    assert len(np.unique(coarse[sheet])) < len(np.unique(usual[sheet]))
    assert dark[sheet].mean() == pytest.approx(usual[sheet].mean() / 5, rel=0.1)
    gain = (glaring - usual).mean(-1)
    assert gain.max() > 30
    assert abs(gain).min() < 10


def test_a_glare_is_brightest_at_its_place_and_burns_out():
    image = sensitivity.with_glare(np.full((20, 60, 3), 150, np.uint8), 50.0, np.array([0.25, 0.5]))
    assert image[10, 15].tolist() == pytest.approx([200] * 3, abs=1)
    assert image[10, 59].tolist() == [150] * 3
    assert sensitivity.with_glare(image, 200.0, np.array([0.25, 0.5])).max() == 255


class Reader:
    """Reads every image as the text that it was given, if the image is bright."""

    def read_many(self, images):
        return [self.read_track([image]) for image in images]

    def read_track(self, frames):
        text = "ABC1234" if np.mean(frames) > 100 else "XXX0000"
        return type("Reading", (), {"text": text})


def test_each_condition_has_a_value_per_plate(plate):
    tables = sensitivity.measure(Reader(), [plate, plate._replace(text="ZZZ9999")])
    assert [len(table) for table in tables.values()] == [7, 9, 6, 9, 9, 7, 7]
    gains = tables["HR, exposure gain"]
    assert {name: values.tolist() for name, values in gains.items() if name in ("0.3", "1.0")} == {"0.3": [0, 0], "1.0": [1, 0]}
