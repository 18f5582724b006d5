"""Resizing beside JAX's own, which has other arguments and cannot be exported to every format."""

import jax
import numpy as np
import pytest

from lpasrn_jax.resampling import cubic, linear, resize

IMAGES = np.random.default_rng(0).normal(size=(2, 7, 11, 3)).astype(np.float32)
NAMES = {linear: "bilinear", cubic: "cubic"}


@pytest.mark.parametrize("kernel", NAMES, ids=NAMES.get)
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("size", [(14, 22), (7, 11), (3, 5), (16, 4)])
def test_it_is_what_jax_computes(kernel, antialias, size):
    expected = jax.image.resize(IMAGES, (2, *size, 3), NAMES[kernel], antialias=antialias)
    np.testing.assert_allclose(jax.jit(lambda x: resize(x, size, kernel, antialias=antialias))(IMAGES), expected, atol=4e-6)


def test_a_scale_other_than_the_sizes_ratio_places_the_pixels():
    half = resize(IMAGES, (3, 5), linear, scale=0.5)
    np.testing.assert_allclose(half[0, 1, 1, 0], IMAGES[0, 2:4, 2:4, 0].mean(), atol=1e-6)
    factors, none = np.full(2, 0.5, np.float32), np.zeros(2, np.float32)
    expected = jax.image.scale_and_translate(IMAGES, (2, 3, 5, 3), (1, 2), factors, none, "linear", antialias=False)
    np.testing.assert_allclose(half, expected, atol=2e-6)


def test_constant_images_stay_constant():
    np.testing.assert_allclose(resize(np.full((1, 5, 6, 1), 0.3, np.float32), (9, 4), cubic, antialias=True), 0.3, atol=1e-6)
