"""What is no plate is said to be none."""

import dataclasses
import json

import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax.models.plate_model import PlateModel
from lpasrn_jax.reading.plate_check import shape_reason
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
    ((6, 30), "30 x 6 pixels are too few for 7 characters; expected at least 21 x 7"),
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


def reader_that_says(tmp_path, kernel, bias):
    bundle = random_bundle()
    check = {"linear": {"kernel": np.float32(kernel), "bias": np.float32([bias])}}
    return lp.load(save_bundle(tmp_path / "check", dataclasses.replace(bundle, params={**bundle.params, "plate_check": check})))


def test_what_the_ocr_sees_decides_where_the_shape_is_right(tmp_path, rng):
    plate = rng.integers(0, 256, (20, 60, 3), np.uint8)
    reader = reader_that_says(tmp_path, np.zeros((32, 1)), 0.1)
    assert reader.knows_plates
    assert reader.read(plate).is_plate
    assert not reader.read(plate[:, :20]).is_plate
    reader = reader_that_says(tmp_path, np.zeros((32, 1)), -0.1)
    for reading in (reader.read(plate), reader.read_track([plate, plate]), *reader.read_many([plate, plate])):
        assert (reading.is_plate, reading.reason) == (False, "the OCR sees no plate in it that could be read")


def test_a_track_is_judged_by_the_mean_of_its_frames(tmp_path, rng):
    plates = rng.integers(0, 256, (3, 20, 60, 3), np.uint8)
    plates[2] = 128
    odds = reader_that_says(tmp_path, np.ones((32, 1)), 0)._programs.read([p.repeat(2, 0)[:16, :48] for p in plates])[1]
    for limit in (odds.mean() - 1e-3, odds.mean() + 1e-3):
        reader = reader_that_says(tmp_path, np.ones((32, 1)), -limit)
        frames = [plate.repeat(2, 0)[:16, :48] for plate in plates]
        assert reader.read_track(frames).is_plate == (odds.mean() > limit)


def test_log_odds_are_a_linear_function_of_the_encodings_mean_and_spread(rng):
    bundle = random_bundle()
    kernel = rng.normal(0, 1, (32, 1)).astype(np.float32)
    params = {**bundle.params, "plate_check": {"linear": {"kernel": kernel, "bias": np.float32([0.5])}}}
    model = PlateModel.from_config(bundle.config, sorted(params))
    image = rng.uniform(-1, 1, (2, 16, 48, 3)).astype(np.float32)
    encoding = np.asarray(model.logits(params, image).encoding)
    expected = np.concatenate([encoding.mean(1), encoding.std(1)], axis=-1) @ kernel + 0.5
    np.testing.assert_allclose(model.read(params, image)[1], expected[:, 0], rtol=1e-4, atol=1e-4)
