"""One step of training and of validation, with networks that do next to nothing."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from configs import stage0, stage2
from lpasrn_jax.models import PlateModel
from lpasrn_jax.models.ocr import OCRLogits
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.training import optim, steps
from lpasrn_jax.training.state import create_state


class Flattener(nn.Module):
    """The image itself as its embedding."""

    @nn.compact
    def __call__(self, image):
        return image.reshape(len(image), -1) * self.param("scale", nn.initializers.ones, ())


class Doubler(nn.Module):
    """Twice as large, and as bright as its parameter says."""

    @nn.compact
    def __call__(self, image):
        return image.repeat(2, axis=1).repeat(2, axis=2) * self.param("gain", nn.initializers.ones, ())


class Guesser(nn.Module):
    """An OCR that looks at every pixel."""

    @nn.compact
    def __call__(self, image):
        slots = nn.Dense(7 * 36, name="slots")(image.reshape(len(image), -1)).reshape(-1, 7, 36)
        return OCRLogits(ctc=jnp.zeros((len(image), 12, 37)), slots=slots)


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


def first_step(config, model, params, batch):
    """What one step logs, from given parameters; nothing is learned."""
    trained = optim.trained_params(params, config.stage.frozen)
    optimizer = optim.create_optimizer(lambda step: 0.0, trained, grad_clip=1.0, weight_decay=0.0)
    state = create_state(params, trained, optimizer, num_classes=36, seed=0)
    frozen = ml_collections.FrozenConfigDict(config)
    options = dict(model=model, trained=trained, optimizer=optimizer, config=frozen, steps_per_epoch=1)
    _, terms, _ = jax.jit(lambda state, batch: steps.train_step(state, batch, **options))(state, batch)
    return terms


def contrastive_loss(batch, **augmentation):
    config = stage0.get_config("quick")
    config.stage.update(networks=("embedder",), loss_components=("contrastive",), reads=())
    config.data.augment.update(augmentation)
    terms = first_step(config, model_of(embedder=Flattener()), {"embedder": {"scale": jnp.ones(())}}, batch)
    return float(terms["contrastive_loss"])


def lcofl_step(batch, perturbed, components):
    config = stage2.get_config("quick")
    config.stage.update(networks=("generator", "ocr"), frozen=("ocr",), loss_components=components)
    config.loss.lambda_ssim = 1.0 if "l1" in components else 0.0
    config.loss.perturb.enabled = perturbed
    model = model_of(generator=Doubler(), ocr=Guesser())
    return first_step(config, model, model.init(jax.random.key(0)), batch)


def test_the_ocr_sees_perturbed_images_and_the_pixel_loss_does_not(pair):
    clean, perturbed = (lcofl_step(batch_of(*pair), on, ("l1", "lcofl")) for on in (False, True))
    assert perturbed["l1_loss"] == clean["l1_loss"]
    assert perturbed["ssim_loss"] == clean["ssim_loss"]
    assert abs(perturbed["classification_loss"] - clean["classification_loss"]) > 1e-3


@pytest.mark.parametrize("perturbed", [False, True])
def test_what_the_ocr_reads_teaches_the_generator(pair, perturbed):
    assert lcofl_step(batch_of(*pair), perturbed, ("lcofl",))["grad_norm"] > 0


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
