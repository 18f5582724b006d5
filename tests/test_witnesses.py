"""Which images a text is read from."""

import jax
import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax import images, witnesses
from lpasrn_jax.frames import frame_array
from lpasrn_jax.reading.reading import slot_probabilities
from lpasrn_jax.registration import register
from lpasrn_jax.weights.bundle import Calibration, save_bundle
from tests.random_bundle import track_bundle

LOOKS = {"bicubic": np.arange(12.0).reshape(6, 1, 2), "sr": np.ones((6, 1, 2)), "fused": 10 * np.arange(12.0).reshape(6, 1, 2)}


def test_a_frame_is_seen_as_it_is_and_enlarged():
    np.testing.assert_array_equal(witnesses.frame_log_probs(LOOKS)[:, 0, 0], [0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
    assert witnesses.frame_log_probs({"hr": LOOKS["sr"]}) is LOOKS["sr"]


def test_in_a_track_the_image_of_all_takes_the_place_of_the_enlarged():
    found = witnesses.track_log_probs(LOOKS, 3)
    assert found.shape == (2, 3, 1, 2)
    of_all = np.array([[0.0], [60.0]])  # fused, of the first frames
    np.testing.assert_allclose(found[:, :, 0, 0], 3 / 5 * np.array([[0, 2, 4], [6, 8, 10]]) + 2 / 5 * of_all)
    without = {kind: LOOKS[kind] for kind in ("bicubic", "sr")}
    np.testing.assert_array_equal(witnesses.track_log_probs(without, 3), witnesses.frame_log_probs(without).reshape(2, 3, 1, 2))


def test_kinds():
    assert witnesses.kinds(["bicubic", "sr", "fused", "hr"], "fused") == ("bicubic", "sr", "fused")
    assert witnesses.kinds(["bicubic", "sr", "hr"], "sr") == ("bicubic", "sr")
    assert witnesses.kinds(["bicubic", "hr"], "hr") == ("hr",)


@pytest.fixture(scope="module")
def bundle():
    return track_bundle()


def test_a_track_is_read_from_its_frames_and_the_image_of_all(bundle, tmp_path, rng):
    """A frame that is larger than the generator takes is read as it is, and is no part of that image."""
    reader = lp.load(save_bundle(tmp_path / "track", bundle), device="cpu")
    frames = [rng.integers(0, 256, (h, 24, 3), np.uint8) for h in (8, 7, 30, 8)]
    model = bundle.model
    read = jax.jit(lambda hr: model.log_probs(bundle.params, hr))
    seen = np.stack([np.asarray(read(images.to_float(frame_array(frame, None, (16, 48))[None])))[0] for frame in frames])
    small = register(np.stack([frame_array(frames[i], None, (8, 24)) for i in (0, 1, 3)]))
    fused = jax.jit(model.enlarge_track)(bundle.params, images.to_float(small[None]), np.ones((1, 3), bool))
    for i in (0, 1, 3):
        seen[i] = (3 * seen[i] + 2 * np.asarray(read(fused))[0]) / 5
    expected = slot_probabilities(seen, model.plate_format.layout_masks(), Calibration())
    reading = reader.read_track(frames)
    np.testing.assert_allclose([p for _, p in reading.slots], expected.max(axis=-1), rtol=1e-3)
    assert reading.frames == 4
