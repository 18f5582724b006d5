"""What the bundled weights take for plates: nearly every photograph of one, no blank image and no photograph of a whole car."""

import csv
import pathlib

import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax.weights.load import bundled_names

CAR = pathlib.Path(lp.__file__).with_name("serve") / "static/examples/car.jpg"
REAL_PLATES = pathlib.Path(__file__).parents[3] / "shared/real_plates"
LEAST = 56  # of the 57 photographs: a check that loses more is not worth what it rejects


@pytest.fixture(scope="module", params=bundled_names())
def reader(request):
    return lp.load(request.param, device="cpu")


@pytest.mark.skipif(not REAL_PLATES.is_dir(), reason="no photographs beside the checkout: shared/real_plates")
def test_at_most_one_photograph_of_a_plate_is_lost(reader):
    with open(REAL_PLATES / "labels.csv", newline="") as file:
        photographs = [REAL_PLATES / row["file"] for row in csv.DictReader(file)]
    assert len(photographs) == 57
    assert sum(reading.is_plate for reading in reader.read_many(photographs)) >= LEAST


def test_blank_images_are_no_plates(reader):
    blank = [np.full((34, 102, 3), grey, np.uint8) for grey in (0, 64, 128, 192, 255)]
    readings = reader.read_many(blank)
    assert [reading.is_plate for reading in readings] == [False] * len(blank)
    assert all("no plate" in reading.reason for reading in readings)


def test_a_photograph_of_a_whole_car_is_no_plate(reader):
    reading = reader.read(CAR)
    assert (reading.is_plate, reading.reason != "") == (False, True)
