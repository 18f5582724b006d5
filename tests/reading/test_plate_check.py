"""What is no plate is said to be none."""

import json

import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax.reading.plate_check import shape_reason, track_reason
from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import random_bundle


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return lp.load(save_bundle(tmp_path_factory.mktemp("weights") / "small", random_bundle()))


@pytest.mark.parametrize("size", [(12, 36), (20, 50), (34, 80), (20, 26), (1300, 4000), (9, 25), (48, 300)])
def test_plates_have_the_shape_of_one(size):
    assert shape_reason(*size, random_bundle().model) == ""


@pytest.mark.parametrize(("size", "reason"), [
    ((480, 480), "an image of 480 x 480 pixels has not the shape of a plate, 1.2 to 6.6 times as wide as high"),
    ((4000, 3000), "has not the shape"),
    ((20, 200), "has not the shape"),
    ((6, 30), "30 x 6 pixels are too few for 7 characters, which need 21 x 7"),
    ((10, 20), "are too few"),
])  # fmt: skip
def test_what_has_not_the_shape_of_a_plate(size, reason):
    assert reason in shape_reason(*size, random_bundle().model)


def test_a_reading_of_no_plate_says_so(reader):
    reading = reader.read(np.zeros((90, 90, 3), np.uint8))
    assert not reading.is_plate
    assert str(reading) == f"no plate: {reading.reason}"
    told = json.loads(json.dumps(reading.to_dict()))
    assert (told["is_plate"], told["reason"]) == (False, reading.reason)
    assert reader.read(np.zeros((20, 60, 3), np.uint8)).is_plate


def test_a_track_is_none_if_most_of_its_frames_are_none(reader):
    plate, square = np.zeros((20, 60, 3), np.uint8), np.zeros((60, 60, 3), np.uint8)
    assert reader.read_track([plate, plate, square]).is_plate
    assert not reader.read_track([plate, square, square]).is_plate
    assert track_reason(["", "a", "b", "b"]) == "b"
    assert track_reason(["", "", "b", "b"]) == ""
