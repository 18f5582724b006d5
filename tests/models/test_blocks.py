"""Resampling conventions, by numbers worked out by hand."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dcnv4_jax import available
from lpasrn_jax.models.blocks import (
    Conv,
    ShallowFeatures,
    max_pool,
    pixel_shuffle,
    pixel_unshuffle,
    rescale_bilinear,
    resize_bilinear,
)
from tests.models.random_params import images, random_params


def test_pixel_shuffle_takes_channels_in_pytorchs_order():
    x = jnp.arange(8.0).reshape(1, 1, 1, 8)
    expected = [[[0, 4], [1, 5]], [[2, 6], [3, 7]]]  # [dy][dx][c] = 4 c + 2 dy + dx
    np.testing.assert_array_equal(pixel_shuffle(x, 2)[0], expected)


@pytest.mark.parametrize("r", [2, 3])
def test_unshuffle_undoes_shuffle(r):
    x = images(2, 3, 5, 2 * r * r)
    np.testing.assert_array_equal(pixel_unshuffle(pixel_shuffle(x, r), r), x)


def test_resize_has_half_pixel_centres_and_repeats_the_edge():
    row = jnp.array([0.0, 4.0]).reshape(1, 1, 2, 1)
    np.testing.assert_allclose(resize_bilinear(row, 1, 4).ravel(), [0, 1, 3, 4])


def test_rescale_divides_by_the_scale_and_not_by_the_ratio_of_sizes():
    row = jnp.arange(7.0).reshape(1, 1, 7, 1)
    np.testing.assert_allclose(rescale_bilinear(row, 0.5).ravel(), [0.5, 2.5, 4.5])
    np.testing.assert_allclose(resize_bilinear(row, 1, 3).ravel(), [2 / 3, 3, 16 / 3], rtol=1e-6)


def test_rescale_leaves_at_least_one_pixel():
    assert rescale_bilinear(images(1, 2, 3, 1), 0.25).shape == (1, 1, 1, 1)


@pytest.mark.parametrize("window", [(2, 2), (2, 1), (3, 2)])
def test_max_pool_is_flax_s_on_odd_sizes_too(window):
    # A height of 7 needs padding at the bottom for windows of 2; Flax's SAME centres the padding for windows of 3.
    x = -1 - images(2, 9 if window[0] == 3 else 7, 11, 3) ** 2
    np.testing.assert_array_equal(max_pool(x, window), nn.max_pool(x, window, strides=window, padding="SAME"))


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_max_pool_passes_nan_on_from_each_place_of_a_window(place):
    x = np.ones((1, 4, 4, 1), np.float32)
    x[0, 2 + place[0], place[1], 0] = np.nan
    np.testing.assert_array_equal(max_pool(x, (2, 2))[0, ..., 0], [[1, 1], [np.nan, 1]])


@pytest.mark.parametrize("window", [(2, 2), (2, 1)])
def test_max_pool_s_gradient_is_flax_s_also_between_equals(window):
    x = np.round(3 * images(2, 7, 11, 3))

    def gradient(pool):
        return jax.grad(lambda x: jnp.sum(pool(x) * jnp.cos(jnp.arange(pool(x).size)).reshape(pool(x).shape)))(x)

    expected = gradient(lambda x: nn.max_pool(x, window, strides=window, padding="SAME"))
    np.testing.assert_array_equal(gradient(lambda x: max_pool(x, window)), expected)


@pytest.mark.parametrize("size", [(7, 10), (8, 9), (1, 1)])
def test_shallow_features_keep_odd_sizes(size):
    module = ShallowFeatures(8, jnp.dtype("float32"))
    x = images(2, *size, 3)
    features = jax.jit(module.apply)({"params": random_params(module, x)}, x)
    assert features.shape == (2, *size, 8)
    assert np.isfinite(features).all()


def test_convolutions_are_trained_by_native_kernels():
    if not (found := available()["cpu"]) or jax.default_backend() != "cpu":
        pytest.skip(found.reason or "another platform than the kernel's")
    x, conv = images(1, 4, 6, 5), Conv(8)
    program = jax.jit(jax.grad(lambda params: conv.apply({"params": params}, x).sum())).lower(random_params(conv, x))
    assert "ConvolutionWeightGradient" in program.as_text()
