"""One image from several frames, whatever frames a track has."""

import jax
import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax import images
from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import frame_array
from lpasrn_jax.registration import register
from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import part, random_bundle


@pytest.fixture
def frames(rng):
    """Six frames of the training size, of one blurred scene each a little brighter than the one before."""
    scene = frame_array(rng.integers(0, 200, (3, 9, 3), np.uint8), None, (8, 24)).astype(int)
    return [(scene + 5 * i).clip(0, 255).astype(np.uint8) for i in range(6)]


def test_one_frame_gives_what_enhance_gives(reader, frames):
    np.testing.assert_array_equal(reader.enhance_track(frames[:1]), reader.enhance(frames[0]))


def test_a_short_track_is_what_the_model_makes_of_it(bundle, reader, frames):
    registered = register(np.stack(frames[:3]))
    model, present = bundle.model, np.ones((1, 3), bool)
    expected = jax.jit(model.enlarge_track)(bundle.params, images.to_float(registered[None]), present)
    difference = reader.enhance_track(frames[:3]).astype(int) - images.to_uint8(expected)[0]
    assert np.abs(difference).max() <= 1


def test_any_number_of_frames_of_any_sizes_gives_twice_the_first(reader, frames, rng):
    sizes = [(9, 31), (8, 24), (40, 120), (5, 20), (8, 25), (7, 22), (6, 24)]
    made = reader.enhance_track([rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes])
    assert (made.shape, made.dtype) == ((18, 62, 3), np.uint8)


def test_the_other_frames_matter_and_their_order_does_not(reader, frames):
    three = reader.enhance_track(frames[:3]).astype(int)
    assert np.abs(three - reader.enhance_track([frames[0], frames[2], frames[1]])).max() <= 1
    assert np.abs(three - reader.enhance_track([frames[0], frames[1], frames[5]])).max() > 1


def test_what_cannot_be_fused_is_said(reader, frames, bundle, tmp_path):
    with pytest.raises(UserError, match="frames: none found"):
        reader.enhance_track([])
    alone = lp.load(save_bundle(tmp_path / "alone", part(random_bundle(), "generator")), device="cpu")
    assert reader.fuses
    assert not alone.fuses
    with pytest.raises(UserError, match=r"enhance_track: these weights have no fusion, only generator; .* stage track"):
        alone.enhance_track(frames)
