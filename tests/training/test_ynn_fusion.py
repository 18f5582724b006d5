"""XLA's YNN fusion on CPUs, which computed wrong products in jaxlib 0.10 (jax-ml/jax#39103), changes nothing here."""

import functools

import cv2
import jax
import ml_collections
import numpy as np
import optax
import pytest

from lpasrn_jax.models import PlateModel
from lpasrn_jax.training import optim, steps
from lpasrn_jax.training.state import create_state
from tests.models.random_params import random_values

WITHOUT = {"xla_cpu_experimental_ynn_fusion_type": ""}


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="YNN is a library for CPUs")
@pytest.mark.parametrize("stage", [0, 3, 4])
def test_one_step_is_the_same_without_it(tiny_stage, rng, stage):
    config = tiny_stage(stage)
    model = PlateModel.from_config(config, config.stage.networks)
    params = {name: random_values(tree) for name, tree in model.shapes.items()}
    trained = optim.trained_params(params, config.stage.frozen)
    optimizer = optax.sgd(1.0)  # the step's change is the gradient
    state = create_state(params, trained, optimizer, num_classes=36, seed=0)
    options = dict(model=model, trained=trained, optimizer=optimizer, steps_per_epoch=5)
    step = functools.partial(steps.train_step, config=ml_collections.FrozenConfigDict(config), **options)
    batch = batch_of(model, rng)

    def compute(state, batch):
        after, terms, _ = step(state, batch)
        gradients = jax.tree.map(lambda before, after: before - after, state.params, after.params)
        return terms, gradients, model.logits(state.params, batch["hr"] / 127.5 - 1)

    lowered = jax.jit(compute).lower(state, batch)
    fused, plain = lowered.compile(), lowered.compile(compiler_options=WITHOUT)
    assert "__ynn_fusion" in fused.as_text()
    assert "__ynn_fusion" not in plain.as_text()
    (terms, gradients, logits), expected = jax.device_get((fused(state, batch), plain(state, batch)))
    # Sums in another order: float32 of some twenty layers. What the fusion got wrong was wrong in the first digit.
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4)
    jax.tree.map(close, (terms, logits), (expected[0], expected[2]))
    jax.tree.map(assert_close_in_norm, gradients, expected[1])
    assert terms["grad_norm"] > 0


def batch_of(model, rng):
    b = 4
    (h, w), (rh, rw) = model.lr_size, model.hr_size
    frames = {"lr": smooth_images(rng, b, h, w), "hr": smooth_images(rng, b, rh, rw), "other_hr": smooth_images(rng, b, rh, rw)}
    text = np.stack([model.plate_format.encode(text) for text in ("ABC1D23", "ZZZ9Z99", "AAA0A00", "QRS5T67")])
    return {**frames, "text": text, "layout": np.ones(b, np.int32), "index": np.arange(b), "mask": np.ones(b, bool)}


def smooth_images(rng, count, h, w):
    """In noise, the gradient of the spatial transformer jumps by 2 % where its map moves a sample by 1e-7 into the next pixel."""
    coarse = rng.integers(0, 256, (count, h // 6, w // 6, 3), np.uint8)
    return np.stack([cv2.resize(image, (w, h), interpolation=cv2.INTER_CUBIC) for image in coarse])


def assert_close_in_norm(actual, expected):
    """A gradient whose values cancel is exact only beside its largest."""
    assert np.linalg.norm(actual - expected) <= 1e-3 * np.linalg.norm(expected) + 1e-5
