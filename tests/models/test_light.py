"""What evens out the light of an image takes off glare and shadows, and leaves its characters."""

import jax
import numpy as np
import pytest

from lpasrn_jax.models.light import evenly_lit


def light_by_fitting(row, sigma):
    """At each place of one row, the value of the line that NumPy fits around it."""
    places = np.arange(len(row))
    weights = (np.exp(-((places - i) ** 2) / (4 * sigma**2)) for i in places)  # NumPy squares them
    return np.array([np.polyval(np.polyfit(places - i, row, 1, w=w), 0) for i, w in zip(places, weights, strict=True)])


def test_the_light_is_that_of_lines_fitted_around_each_place(rng):
    images = rng.uniform(-1, 1, (2, 8, 12, 3)).astype(np.float32)
    even = np.asarray(jax.jit(evenly_lit, static_argnums=1)(images, 0.25))
    for b, c in np.ndindex(2, 3):
        light = np.stack([light_by_fitting(column, 2) for column in images[b, ..., c].T], axis=1)
        light = np.stack([light_by_fitting(row, 2) for row in light])
        np.testing.assert_allclose(even[b, ..., c], images[b, ..., c] - light + light.mean(), atol=1e-5)


def test_a_slope_of_light_goes_altogether(rng):
    plate = rng.uniform(-0.5, 0.5, (1, 24, 72, 3)).astype(np.float32)
    y, x = np.mgrid[-0.5:0.5:24j, -0.5:0.5:72j]
    slope = (x + 2 * y + x * y)[None, ..., None].astype(np.float32)
    difference = evenly_lit(plate + slope, 0.25) - evenly_lit(plate, 0.25)
    np.testing.assert_allclose(difference, np.zeros_like(plate) + slope.mean(), atol=1e-5)


def test_a_third_is_left_of_a_glare_and_nearly_all_of_the_characters(rng):
    plate = np.kron(rng.choice([-0.5, 0.5], (1, 8, 24, 1)), np.ones((1, 3, 3, 3))).astype(np.float32)
    y, x = np.mgrid[-1:1:24j, -1:1:72j]
    glare = np.exp(-(x**2) - y**2)[None, :, :, None].astype(np.float32)
    left = np.asarray(evenly_lit(plate + glare, 0.25) - evenly_lit(plate, 0.25))
    assert left.std() < 0.35 * glare.std()
    assert np.asarray(evenly_lit(plate, 0.25)).std() > 0.9 * plate.std()


@pytest.mark.parametrize("sigma", [1e-9, 0.25, 16])
@pytest.mark.parametrize("size", [(6, 18), (1, 5), (1, 1), (400, 3)])
def test_where_all_is_equal_it_stays_so(size, sigma):
    image = np.full((1, *size, 3), 0.3, np.float32)
    np.testing.assert_allclose(evenly_lit(image, sigma), image, atol=1e-5)
