"""One step of training and of validation, with networks that do next to nothing."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from configs import stage0
from lpasrn_jax.data import augment
from lpasrn_jax.models import PlateModel
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.training import optim, steps
from lpasrn_jax.training.state import create_state


class Flattener(nn.Module):
    """The image itself as its embedding."""

    @nn.compact
    def __call__(self, image):
        return image.reshape(len(image), -1) * self.param("scale", nn.initializers.ones, ())


class WhiteIsNaN(nn.Module):
    """Twice as large; of white images NaN."""

    @nn.compact
    def __call__(self, image):
        larger = image.repeat(2, axis=1).repeat(2, axis=2)
        return jnp.where(image.mean((1, 2, 3), keepdims=True) > 0.99, jnp.nan, larger)


def model_of(**networks):
    return PlateModel(networks, BRAZIL, lr_size=(8, 24), scale=2, dtype="float32")


def batch_of(lr, hr, **more):
    b = len(lr)
    text = np.zeros((b, 7), np.int32)
    known = {"text": text, "layout": np.zeros(b, np.int32), "index": np.arange(b), "mask": np.ones(b, bool)}
    return {"lr": lr, "hr": hr, **known, **more}


@pytest.fixture
def pair(rng):
    return rng.integers(0, 256, (2, 8, 24, 3), np.uint8), rng.integers(0, 256, (2, 16, 48, 3), np.uint8)


def contrastive_loss(batch, **augmentation):
    config = stage0.get_config("quick")
    config.stage.update(networks=("embedder",), loss_components=("contrastive",), reads=())
    config.data.augment.update(augmentation)
    model = model_of(embedder=Flattener())
    params = {"embedder": {"scale": jnp.ones(())}}
    trained = optim.trained_params(params, ())
    optimizer = optim.create_optimizer(lambda step: 0.0, trained, grad_clip=1.0, weight_decay=0.0)
    state = create_state(params, trained, optimizer, num_classes=36, seed=0)
    frozen = ml_collections.FrozenConfigDict(config)
    options = dict(model=model, trained=trained, optimizer=optimizer, config=frozen, steps_per_epoch=1)
    _, terms, _ = jax.jit(lambda state, batch: steps.train_step(state, batch, **options))(state, batch)
    return float(terms["contrastive_loss"])


def test_the_other_frame_is_warped_like_hr_and_seen_by_no_camera(pair):
    """Two equal HR frames of one plate stay equal under every change of light, lens, sensor and file."""
    batch = batch_of(*pair, other_hr=pair[1])
    camera = {name: augment.DEFAULTS[name] for name in augment.PHOTOMETRY}
    assert contrastive_loss(batch, enabled=True, **dict.fromkeys(augment.GEOMETRY, 0.0), **camera) == 0.0
    assert contrastive_loss(batch, enabled=True, rotation_degrees=10.0) > 0.0


def test_an_example_that_fills_up_a_batch_spoils_no_score(pair):
    lr, hr = pair
    lr[1] = 255
    batch = batch_of(lr, hr)
    assert np.isnan(validation_sums(batch)["psnr"])
    sums, alone = validation_sums(batch | {"mask": np.array([True, False])}), validation_sums(batch_of(lr[:1], hr[:1]))
    assert sums["count"] == 1
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), sums, alone)


def validation_sums(batch):
    """Not compiled: XLA makes a selection of a product with a mask, but promises nothing."""
    return steps.validation_step(
        {"generator": {}}, batch, model=model_of(generator=WhiteIsNaN()), main_kind="sr", image_metrics=("psnr",)
    )[0]
