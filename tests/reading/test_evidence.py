"""What a reading rests on: the pixels, the generator, and how much the second changes."""

import json

import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax import images
from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import frame_array
from lpasrn_jax.reading.evidence import total_variation
from lpasrn_jax.reading.reading import slot_probabilities
from lpasrn_jax.weights.bundle import Calibration, save_bundle
from tests.random_bundle import part


@pytest.fixture
def frames(rng):
    return [*rng.integers(0, 256, (3, 8, 24, 3), np.uint8)]


@pytest.mark.parametrize("count", [1, 3])
def test_each_half_is_what_the_ocr_reads_in_those_images(bundle, reader, frames, count):
    frames, model, masks = frames[:count], bundle.model, reader.plate_format.layout_masks()
    found = reader.evidence(frames)
    assert found.reading == reader.read_track(frames)
    pixels = np.asarray(
        model.log_probs(bundle.params, np.stack([images.to_float(frame_array(f, None, (16, 48))) for f in frames]))
    )
    of_pixels = slot_probabilities(pixels, masks, Calibration())
    assert found.pixels.confidence == pytest.approx(of_pixels.max(axis=-1).prod(), rel=1e-3)
    enlarged = (
        [images.to_float(reader.enhance(f)) for f in frames] if count == 1 else [images.to_float(reader.enhance_track(frames))]
    )
    made = np.asarray(model.log_probs(bundle.params, np.stack(enlarged)))
    # The reader's image is not rounded to 256 levels.
    assert found.generator.confidence == pytest.approx(
        slot_probabilities(made, masks, Calibration()).max(axis=-1).prod(), rel=0.2
    )
    assert found.generator.frames == 1
    assert found.pixels.frames == count
    weight = count if count > 1 else 1
    both = (pixels.sum(axis=0) + weight * made[0]) / 2
    changes = total_variation(slot_probabilities(both[None], masks, Calibration()), of_pixels)
    np.testing.assert_allclose(found.changes, changes, atol=0.02)
    assert max(found.changes) > 0.001


def test_the_distance_of_equal_slots_is_0_and_of_sure_other_characters_1():
    p = np.array([[1.0, 0, 0], [0.5, 0.5, 0]])
    q = np.array([[0.0, 1, 0], [0.5, 0.5, 0]])
    assert total_variation(p, q) == (1.0, 0.0)


def test_images_that_are_read_without_the_generator_are_refused(reader):
    with pytest.raises(UserError, match="none of at most 24 x 8 pixels found"):
        reader.evidence([np.zeros((16, 48, 3), np.uint8)])


@pytest.mark.parametrize("network", ["generator", "ocr"])
def test_weights_of_one_network_have_no_evidence(bundle, network, tmp_path, frames):
    reader = lp.load(save_bundle(tmp_path / "half", part(bundle, network)), device="cpu")
    with pytest.raises(UserError, match="evidence: these weights have no"):
        reader.evidence(frames)


def test_the_evidence_is_json(reader, frames):
    record = json.loads(json.dumps(reader.evidence(frames).to_dict()))
    assert record.keys() == {"reading", "pixels", "generator", "changes"}
    assert len(record["changes"]) == len(record["reading"]["slots"])
