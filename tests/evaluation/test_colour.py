"""What the measures of colour see, and what they do not."""

import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.evaluation import colour
from lpasrn_jax.losses.consistency import downsample


@pytest.fixture
def plate(rng):
    """Grey images of two plates, 20 rows high."""
    return jnp.asarray(np.repeat(rng.uniform(-0.8, 0.6, (2, 20, 30, 1)), 3, axis=-1), jnp.float32)


def test_grey_has_no_colour(plate):
    lab = colour.lab(jnp.concatenate([plate, jnp.full_like(plate, -1), jnp.full_like(plate, 1)]))
    np.testing.assert_allclose(lab[..., 1:], 0.0, atol=1e-3)
    np.testing.assert_allclose(lab[2:, 0, 0, 0], [0, 0, 100, 100], atol=1e-3)


def test_a_band_on_the_top_fifth_shifts_blue_by_its_size(plate):
    band = plate.at[0, :4, :, 2].add(0.2).at[1, :4, :, 0].add(0.1)  # 25.5 levels more blue; 12.75 more red
    np.testing.assert_allclose(colour.blue_shift(band, plate), [25.5, -12.75], rtol=1e-4)
    np.testing.assert_allclose(colour.blue_shift(plate.at[:, 4:, :, 2].add(0.2), plate), 0.0, atol=1e-4)


def test_a_cast_is_the_same_shift_and_difference(plate):
    cast = plate.at[..., 2].add(0.2)
    shift, difference = colour.colour_shift(cast, plate), colour.colour_difference(cast, plate)
    assert (shift > 5).all()
    np.testing.assert_allclose(shift, difference, rtol=0.15)  # CIELAB is not linear in blue


def test_sharpness_is_a_difference_but_no_shift(plate):
    """Detail finer than an LR pixel against none, as of an HR image against bicubic."""
    smooth = jnp.repeat(jnp.repeat(downsample(plate, 2), 2, axis=1), 2, axis=2)
    assert (colour.colour_difference(plate, smooth) > 10).all()
    assert (colour.colour_shift(plate, smooth) < 2).all()


@pytest.mark.parametrize("measure", [colour.colour_difference, colour.colour_shift, colour.blue_shift])
def test_examples_do_not_mix_and_equal_images_do_not_differ(rng, measure):
    images, others = (jnp.asarray(rng.uniform(-1, 1, (3, 10, 12, 3)), jnp.float32) for _ in range(2))
    np.testing.assert_allclose(measure(images, others)[1:2], measure(images[1:2], others[1:2]), rtol=1e-5)
    np.testing.assert_array_equal(measure(images, images), 0.0)
