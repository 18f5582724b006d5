"""The generator's contract: sizes, range, precision, and that each part takes part."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from lpasrn_jax.models import Generator, create_generator
from lpasrn_jax.models.generator import MEDIAN_RADIUS
from lpasrn_jax.models.median import median_filter
from tests.models.random_params import images, random_params

SMALL = {
    "features": 8, "num_rrdb_blocks": 1, "growth": 4, "dense_layers": 2, "deform_groups": 2, "msca_scales": (1.0, 0.5),
    "msca_num_prototypes": 5,
}  # fmt: skip
VARIANTS = {
    "DCNv4": {},
    "offsets": {"use_dcnv4": False},
    "plain": {"use_deformable": False},
    "x4": {"scale": 4, "use_deformable": False, "use_character_attention": False},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_any_size_and_always_in_range(variant):
    model = Generator(**SMALL | VARIANTS[variant])
    params = random_params(model, images(1, 8, 8, 3))
    for h, w in ((9, 14), (1, 1)):
        sr = jax.jit(model.apply)({"params": params}, 3 * images(1, h, w, 3))
        assert sr.shape == (1, h * model.scale, w * model.scale, 3)
        assert sr.dtype == jnp.float32
        assert np.abs(sr).max() <= 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_and_the_image_take_part(variant):
    model = Generator(**SMALL | VARIANTS[variant])
    lr = images(2, 9, 11, 3)
    params = random_params(model, lr)
    loss = jax.jit(jax.grad(lambda params, lr: (model.apply({"params": params}, lr) ** 2).sum(), (0, 1)))
    gradients, lr_gradient = loss(params, lr)
    dead = [path for path, gradient in flatten_dict(gradients, sep="/").items() if not np.abs(gradient).max() > 0]
    assert dead == []
    assert np.abs(lr_gradient).max() > 0


def test_images_of_a_batch_do_not_meet():
    model = Generator(**SMALL)
    lr = images(3, 8, 9, 3)
    apply = jax.jit(model.apply)
    variables = {"params": random_params(model, lr)}
    np.testing.assert_allclose(apply(variables, lr)[1:2], apply(variables, lr[1:2]), atol=1e-5)


def test_remat_changes_no_parameter_and_no_gradient():
    lr = images(1, 8, 8, 3)
    params = random_params(Generator(**SMALL | VARIANTS["plain"]), lr)

    def gradient(model):
        return jax.jit(jax.grad(lambda params: (model.apply({"params": params}, lr) ** 2).sum()))(params)

    plain = SMALL | VARIANTS["plain"]
    kept, recomputed = gradient(Generator(**plain)), gradient(Generator(**plain, remat=True))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), kept, recomputed)


def test_bfloat16_computes_close_to_float32_and_keeps_float32_parameters():
    lr = images(1, 8, 12, 3)
    params = random_params(Generator(**SMALL), lr)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    models = (Generator(**SMALL, dtype=dtype) for dtype in ("float32", "bfloat16"))
    exact, rounded = (jax.jit(model.apply)({"params": params}, lr) for model in models)
    assert rounded.dtype == jnp.float32
    np.testing.assert_allclose(rounded, exact, atol=0.05)  # some grey values of 8 bits of mantissa through 20 layers
    assert np.abs(rounded - exact).max() > 0


def test_prototypes_guide_the_attention():
    lr = images(1, 8, 8, 3)
    guided = Generator(**SMALL)
    params = random_params(guided, lr)
    other = jax.tree.map(np.copy, params)
    other["msca"]["detector_1"]["prototypes"]["kernel"] *= -1
    apply = jax.jit(guided.apply)
    assert np.abs(apply({"params": params}, lr) - apply({"params": other}, lr)).max() > 1e-4


def test_a_config_makes_the_generator():
    config = ml_collections.ConfigDict({"features": 16, "msca_scales": [1.0, 0.5], "scale": 4, "ocr": {"heads": 8}})
    model = create_generator(config)
    assert model == Generator(features=16, msca_scales=(1.0, 0.5), scale=4)


@pytest.mark.parametrize(("field", "value"), [("scale", 3), ("features", 10), ("light_sigma", -0.1), ("median_limit", -1.0)])
def test_impossible_settings_are_named(field, value):
    with pytest.raises(ValueError, match=f"model.{field}: {value}"):
        jax.eval_shape(Generator(**SMALL | {field: value}).init, jax.random.key(0), images(1, 8, 8, 3))


@pytest.mark.parametrize("limit", [0.5, 255.0])
def test_the_image_moves_towards_its_median_by_so_many_grey_levels(limit):
    plain, moved = (create_generator({**SMALL, "median_limit": value}) for value in (0.0, limit))
    image = images(1, 6, 7, 3)
    params = {"params": random_params(plain, image)}
    before, after = (np.asarray(jax.jit(generator.apply)(params, image)) for generator in (plain, moved))
    way = np.asarray(median_filter(before, MEDIAN_RADIUS)) - before
    assert abs(way).max() > 1 / 127.5
    np.testing.assert_allclose(after - before, np.clip(way, -limit / 127.5, limit / 127.5), atol=1e-6)


def test_the_layers_do_not_see_a_slope_of_light():
    image = 0.5 * images(1, 8, 12, 3)
    slope = np.linspace(-0.2, 0.2, 12, dtype=np.float32)[:, None] * np.ones(3, np.float32)  # its mean is 0
    params = {"params": random_params(create_generator(SMALL), image)}

    def changed(light_sigma):
        generator = create_generator({**SMALL, "light_sigma": light_sigma})
        before, after = (generator.apply(params, x, method="extract") for x in (image, image + slope))
        return np.abs(after - before).max() / np.abs(before).max()

    assert changed(0.25) < 1e-5 < 1e-2 < changed(0.0)


def test_an_image_that_is_all_white_still_learns():
    """With the bicubic skip, whose sum is cut off at white: a gradient that is too would leave it white for good."""
    generator = create_generator({**SMALL, "skip": "bicubic"})
    image = images(1, 6, 7, 3)
    params = random_params(generator, image)
    params["reconstruct"]["bias"] = np.full(3, 10, np.float32)

    def loss(params):
        made = generator.apply({"params": params}, image)
        return jnp.abs(made).mean(), made

    gradients, made = jax.jit(jax.grad(loss, has_aux=True))(params)
    np.testing.assert_array_equal(made, 1)
    np.testing.assert_allclose(gradients["reconstruct"]["bias"], 1 / 3, rtol=1e-5)
