"""Arguments of another kind than expected are named, with what was found and what was expected."""

import itertools

import numpy as np
import pytest
from PIL import Image

import lpasrn_jax as lp
from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import frame_array
from lpasrn_jax.models.plate_model import PlateModel
from lpasrn_jax.reading import plate_check
from lpasrn_jax.weights.bundle import Bundle, save_bundle
from tests.models.random_params import random_values
from tests.random_bundle import random_bundle, small_config

PLATE = np.zeros((8, 24, 3), np.uint8)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return save_bundle(tmp_path_factory.mktemp("weights") / "lite", random_bundle())


@pytest.fixture(scope="module")
def reader(path):
    return lp.load(path)


@pytest.mark.parametrize(("options", "message"), [
    ({"device": 3}, "device: int found; expected 'cpu', 'gpu' or another platform of JAX, or None"),
    ({"device": ["cpu"]}, "device: list found"),
    ({"min_confidence": "0.9"}, "min_confidence: str found; expected a probability in [0, 1]"),
    ({"min_confidence": None}, "min_confidence: NoneType found"),
    ({"min_confidence": True}, "min_confidence: bool found"),
    ({"min_confidence": float("nan")}, "min_confidence: nan found; expected a probability in [0, 1]"),
])  # fmt: skip
def test_loading(path, options, message):
    with pytest.raises(UserError) as caught:
        lp.load(path, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize("path", [None, 3, b"lite", ["lite"]])
def test_a_path_that_is_none(path):
    with pytest.raises(UserError, match=f"path: {type(path).__name__} found; expected the name of bundled weights, or the path"):
        lp.load(path)


@pytest.mark.parametrize(("call", "message"), [
    (lambda reader: reader.read_track([PLATE], fusion=[]), "fusion: list found; expected one of log_probs, hc, mv, mvcp"),
    (lambda reader: reader.read_track([PLATE], fusion=None), "fusion: NoneType found"),
    (lambda reader: reader.read_track("plate.png"), "frames: one str found; expected a list of images: give [image] for one"),
    (lambda reader: reader.read_track(b"plate.png"), "frames: one bytes found"),
    (lambda reader: reader.read_track(Image.new("RGB", (24, 8))), "frames: one Image found"),
    (lambda reader: reader.read_track(PLATE), "frames: one ndarray found"),
    (lambda reader: reader.read_track(PLATE[..., 0]), "frames: one ndarray found"),
    (lambda reader: reader.read_track({"a": PLATE}), "frames: dict found; expected a list of images"),
    (lambda reader: reader.read_track(None), "frames: NoneType found; expected a list of images"),
    (lambda reader: reader.read_track([None]), "image 0: NoneType found; expected a file's path, a PIL image or a NumPy array"),
    (lambda reader: reader.read_many("plate.png"), "many: one str found"),
    (lambda reader: reader.read_many(3), "many: int found; expected a list of images"),
    (lambda reader: reader.read(PLATE, layout=3), "layout: int found; expected the name of a layout, such as 'Mercosur'"),
    (lambda reader: reader.read(PLATE, layout=["Mercosur"]), "layout: list found"),
    (lambda reader: reader.read([PLATE, PLATE]), "image 0: shape (2, 8, 24, 3) found"),
    (lambda reader: reader.enhance(None), "image: NoneType found; expected a file's path"),
    (lambda reader: reader.enhance(7), "image: int found; expected a file's path"),
    (lambda reader: reader.check(layout=None, fusion={}), "fusion: dict found"),
    (lambda reader: reader.enhance(np.broadcast_to(PLATE[:1, :1], (5000, 5000, 3))),
     "enhance: an image of 5000 x 5000 pixels would become 2 times as wide and high; expected at most 67108864 pixels then"),
])  # fmt: skip
def test_reading_and_enhancing(reader, call, message):
    with pytest.raises(UserError) as caught:
        call(reader)
    assert message in str(caught.value)


def test_a_track_of_more_frames_than_the_memory_holds(tmp_path):
    """Frames without end: the first too many ends it."""
    config = small_config()
    shapes = PlateModel.from_config(config, ("generator", "fusion")).shapes
    params = {name: random_values(tree) for name, tree in shapes.items()}
    reader = lp.load(save_bundle(tmp_path / "track", Bundle(params, config, {})))
    frames = itertools.repeat(np.zeros((64, 192, 3), np.uint8))
    with pytest.raises(UserError, match="frames: more than 170 found; expected at most that many at 192 x 64 pixels"):
        reader.enhance_track(frames)
    with pytest.raises(UserError, match="frames: one str found"):
        reader.enhance_track("plate.png")


def test_many_photographs_are_not_held_all_at_once(reader, monkeypatch):
    """Each is shrunk to what the networks take before the next is asked for: a hundred whole ones may be 19 GB."""
    shrunk = []
    monkeypatch.setattr(plate_check, "frame_array", lambda *arguments: shrunk.append(1) or frame_array(*arguments))

    def one_by_one():
        for i in range(3):
            assert len(shrunk) == i
            yield np.zeros((50, 120, 3), np.uint8)

    assert len(reader.read_many(one_by_one())) == 3


@pytest.mark.parametrize("frames", [[PLATE, PLATE], (PLATE,), np.stack([PLATE, PLATE]), iter([PLATE])])
def test_whatever_holds_images_is_read(reader, frames):
    assert len(reader.read_track(frames).text) == 7
