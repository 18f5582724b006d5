"""A reader with random networks, and a folder of images."""

import numpy as np
import pytest
from PIL import Image

import lpasrn_jax as lp
from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import random_bundle


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return lp.load(save_bundle(tmp_path_factory.mktemp("weights") / "lite", random_bundle()))


@pytest.fixture
def plates(tmp_path, rng):
    """A folder of images: two of one name, one deeper, one that is damaged, one that is none."""
    folder = tmp_path / "plates"
    (folder / "deeper").mkdir(parents=True)
    for name in ("a.png", "a.jpg", "b.png", "deeper/c.png"):
        Image.fromarray(rng.integers(0, 256, (9, 25, 3), np.uint8)).save(folder / name)
    (folder / "damaged.png").write_bytes((folder / "b.png").read_bytes()[:100])
    (folder / "notes.txt").write_text("no image")
    return folder
