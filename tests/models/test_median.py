"""The median over a disc is the one that sorting finds."""

import jax
import numpy as np
import pytest

from lpasrn_jax.models.median import median_filter


def by_sorting(image, radius):
    """Of one channel, pixel by pixel."""
    h, w = image.shape
    padded, result = np.pad(image, radius, mode="edge"), np.empty_like(image)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = np.hypot(x, y) < radius + 0.5
    for i in range(h):
        for j in range(w):
            result[i, j] = np.median(padded[i : i + 2 * radius + 1, j : j + 2 * radius + 1][disc])
    return result


@pytest.mark.parametrize(("radius", "size"), [(1, 9), (2, 21), (3, 37)])
def test_it_is_the_median_of_the_disc(rng, radius, size):
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    assert np.sum(np.hypot(x, y) < radius + 0.5) == size
    images = rng.uniform(-1, 1, (2, 9, 12, 3)).astype(np.float32)
    filtered = np.asarray(jax.jit(median_filter, static_argnums=1)(images, radius))
    for b, c in np.ndindex(2, 3):
        np.testing.assert_array_equal(filtered[b, ..., c], by_sorting(images[b, ..., c], radius))


def test_a_speck_goes_and_an_edge_stays():
    image = np.zeros((1, 16, 16, 1), np.float32)
    image[:, :, 8:] = 1.0
    speck = image.copy()
    speck[:, 4:6, 2:4] = 1.0
    np.testing.assert_array_equal(median_filter(speck, 2), image)


def test_a_pixel_s_gradient_goes_to_the_one_that_is_the_median(rng):
    image = rng.uniform(-1, 1, (1, 6, 6, 1)).astype(np.float32)
    gradient = np.asarray(jax.grad(lambda x: median_filter(x, 1)[0, 3, 3, 0])(image))
    expected = np.zeros_like(image)
    expected[image == by_sorting(image[0, ..., 0], 1)[3, 3]] = 1.0
    np.testing.assert_array_equal(gradient, expected)
