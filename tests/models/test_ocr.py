"""The OCR's contract, and the spatial transformer against maps worked out by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from lpasrn_jax.data.augment import warp
from lpasrn_jax.models import create_ocr
from lpasrn_jax.models.spatial_transformer import SpatialTransformer, affine_sample
from lpasrn_jax.plates import BRAZIL, PlateFormat
from tests.models.random_params import images, random_params

SMALL = {"widths": [8, 8, 8, 16], "blocks_per_stage": 1, "transformer_layers": 1, "heads": 2}


@pytest.fixture(scope="module")
def ocr():
    return create_ocr(SMALL, BRAZIL)


@pytest.fixture(scope="module")
def params(ocr):
    return random_params(ocr, images(1, 16, 48, 3))


@pytest.mark.parametrize(("size", "steps"), [((16, 48), 12), ((13, 37), 10), ((1, 1), 1)])
def test_any_size_gives_a_step_for_four_pixels(ocr, params, size, steps):
    logits = jax.jit(ocr.apply)({"params": params}, images(2, *size, 3))
    assert logits.ctc.shape == (2, steps, 37)
    assert logits.slots.shape == (2, 7, 36)
    assert all(np.isfinite(head).all() and head.dtype == jnp.float32 for head in logits)


def test_the_plate_format_sets_the_heads():
    ocr = create_ocr(SMALL, PlateFormat("01AB", (("short", "LNN"),)))
    logits = jax.eval_shape(ocr.init_with_output, jax.random.key(0), images(1, 16, 48, 3))[0]
    assert (logits.ctc.shape, logits.slots.shape) == ((1, 12, 5), (1, 3, 4))


def test_a_slot_that_may_be_unused_has_a_class_for_that_and_ctc_has_none():
    ocr = create_ocr(SMALL, PlateFormat("01AB", (("short", "LN"), ("long", "LNN"))))
    logits = jax.eval_shape(ocr.init_with_output, jax.random.key(0), images(1, 16, 48, 3))[0]
    assert (logits.ctc.shape, logits.slots.shape) == ((1, 12, 5), (1, 3, 5))


def test_images_of_a_batch_do_not_meet(ocr, params):
    batch = images(3, 16, 48, 3)
    alone, together = (jax.jit(ocr.apply)({"params": params}, x) for x in (batch[1:2], batch))
    np.testing.assert_allclose(alone.slots, together.slots[1:2], atol=1e-4)
    np.testing.assert_allclose(alone.ctc, together.ctc[1:2], atol=1e-4)


@pytest.mark.parametrize("head", ["ctc", "slots"])
def test_each_head_trains_the_trunk_and_the_image(ocr, params, head):
    def loss(params, image):
        return (getattr(ocr.apply({"params": params}, image), head) ** 2).sum()

    gradients, image_gradient = jax.jit(jax.grad(loss, (0, 1)))(params, images(1, 16, 48, 3))
    others = {"ctc": ("slots", "slot_", "norm_slots"), "slots": ("ctc",)}[head]
    gradients = {path: g for path, g in flatten_dict(gradients, sep="/").items() if not path.startswith(others)}
    dead = {path for path, g in gradients.items() if not np.abs(g).max() > 0}
    assert dead == set()
    assert np.abs(image_gradient).max() > 0


def test_slots_know_their_place(ocr, params):
    """A plate of seven alike characters still gives each slot a view of its own."""
    stripes = jnp.tile(images(1, 16, 4, 3), (1, 1, 12, 1))
    slots = jax.jit(ocr.apply)({"params": params}, stripes).slots[0]
    assert np.abs(slots[1:] - slots[:1]).max() > 1e-2


@pytest.mark.parametrize(
    ("affine", "expected"),
    [
        ([[1, 0, 0], [0, 1, 0]], lambda x: x),
        ([[-1, 0, 0], [0, 1, 0]], lambda x: x[:, :, ::-1]),
        ([[1, 0, 0], [0, -1, 0]], lambda x: x[:, ::-1]),
        ([[1, 0, 2 / 6], [0, 1, 0]], lambda x: x[:, :, [1, 2, 3, 4, 5, 5]]),  # one pixel of six; the edge is repeated
    ],
    ids=["identity", "mirrored", "upside down", "one pixel to the right"],
)
def test_affine_sample(affine, expected):
    x = images(1, 5, 6, 3)
    np.testing.assert_allclose(affine_sample(x, jnp.array([affine], jnp.float32)), expected(x), atol=1e-5)


def test_positions_are_computed_in_full_precision():
    """An accelerator's default for matrix products is half a pixel off; augmentation asks for the same."""
    highest = (jax.lax.Precision.HIGHEST, jax.lax.Precision.HIGHEST)
    sampled = jax.make_jaxpr(affine_sample)(images(1, 5, 6, 3), images(1, 2, 3))
    warped = jax.make_jaxpr(warp)(images(1, 5, 6, 3), images(1, 3, 3))
    for program in (sampled, warped):
        products = [equation for equation in program.eqns if equation.primitive.name == "dot_general"]
        assert [product.params["precision"] for product in products] == [highest]


def test_a_new_spatial_transformer_is_the_identity():
    x = images(2, 11, 17, 3)
    module = SpatialTransformer(jnp.dtype("float32"))
    np.testing.assert_allclose(module.apply(module.init(jax.random.key(0), x), x), x, atol=1e-5)
