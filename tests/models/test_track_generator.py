"""One image from several frames: one frame is the generator's own, order and padding do not matter, and the alignment learns."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from lpasrn_jax.models.plate_model import PlateModel, default_config
from tests.models.random_params import images, random_params

SMALL = {
    "features": 8,
    "num_rrdb_blocks": 1,
    "growth": 4,
    "dense_layers": 1,
    "deform_groups": 2,
    "fusion_details": 1,
    "use_character_attention": False,
}
FRAMES = images(2, 4, 7, 9, 3)
ALL = np.ones((2, 4), bool)


def small_model(skip):
    config = default_config()
    config["model"] |= SMALL | {"skip": skip}
    config["data"]["lr_size"] = (7, 9)
    return PlateModel.from_config(config, ("generator", "fusion"))


def random_track_params(model):
    features = np.zeros((1, 2, 7, 9, 8), np.float32)
    return {
        "generator": random_params(model.networks["generator"], FRAMES[:, 0]),
        "fusion": random_params(model.networks["fusion"], features, FRAMES[:1, :2], ALL[:1, :2]),
    }


@pytest.fixture(scope="module")
def model():
    return small_model("bicubic")


@pytest.fixture(scope="module")
def params(model):
    return random_track_params(model)


@pytest.fixture(scope="module")
def enlarge(model, params):
    """The SR images of tracks."""
    apply = jax.jit(model.enlarge_track)
    return lambda frames, present: np.asarray(apply(params, 0.3 * frames, present))


@pytest.mark.parametrize("skip", ["bilinear", "bicubic"])
def test_one_frame_gives_exactly_the_generators_image(skip):
    model = small_model(skip)
    params = random_track_params(model)
    expected = jax.jit(model.enlarge)(params, FRAMES[:, 0])
    np.testing.assert_array_equal(jax.jit(model.enlarge_track)(params, FRAMES[:, :1], ALL[:, :1]), expected)


def test_one_frame_among_padding_gives_the_generators_image(enlarge):
    alone = ALL & (np.arange(4) == 0)
    np.testing.assert_allclose(enlarge(FRAMES, alone), enlarge(FRAMES[:, :1], ALL[:, :1]), atol=1e-6)


def test_the_order_of_the_other_frames_does_not_matter(enlarge):
    np.testing.assert_allclose(enlarge(FRAMES[:, [0, 3, 1, 2]], ALL), enlarge(FRAMES, ALL), atol=1e-6)
    assert np.abs(enlarge(FRAMES[:, [1, 0, 2, 3]], ALL) - enlarge(FRAMES, ALL)).max() > 1e-3


def test_padding_frames_change_nothing(enlarge):
    present = ALL & (np.arange(4) < 3)
    other = FRAMES.copy()
    other[:, 3] = images(2, 7, 9, 3, seed=1)
    np.testing.assert_array_equal(enlarge(FRAMES, present), enlarge(other, present))
    np.testing.assert_allclose(enlarge(FRAMES, present), enlarge(FRAMES[:, :3], ALL[:, :3]), atol=1e-6)
    assert np.abs(enlarge(FRAMES, ALL) - enlarge(FRAMES, present)).max() > 1e-3


def test_every_parameter_and_every_frame_take_part(model, params):
    loss = jax.jit(jax.grad(lambda params, frames: (model.enlarge_track(params, frames, ALL) ** 2).sum(), (0, 1)))
    gradients, frames_gradient = loss(params, 0.3 * FRAMES)
    assert [path for path, gradient in flatten_dict(gradients, sep="/").items() if not np.abs(gradient).max() > 0] == []
    assert np.abs(frames_gradient).max((0, 2, 3, 4)).min() > 0


def test_the_gradient_of_the_alignment_is_that_of_finite_differences(model, params):
    frames, present = 0.3 * FRAMES[:1, :2], ALL[:1, :2]
    rng = np.random.default_rng(4)
    direction = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), params["fusion"]["align"])

    def loss(step):
        align = jax.tree.map(lambda leaf, change: leaf + step * change, params["fusion"]["align"], direction)
        return (model.enlarge_track(params | {"fusion": params["fusion"] | {"align": align}}, frames, present) ** 2).mean()

    value_and_grad, step = jax.jit(jax.value_and_grad(loss)), 3e-4
    numeric = (value_and_grad(step)[0] - value_and_grad(-step)[0]) / (2 * step)
    assert abs(numeric) > 1e-3
    np.testing.assert_allclose(value_and_grad(0.0)[1], numeric, rtol=0.02)  # float32
