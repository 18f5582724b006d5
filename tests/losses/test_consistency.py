"""SR sampled down to LR: against other people's filters, and what the loss sees and does not see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from lpasrn_jax import images
from lpasrn_jax.losses.consistency import consistency, downsample

SCALES = (2, 4)
scales = pytest.mark.parametrize("scale", SCALES)
LR_SIZE = (6, 10)


def random_images(rng, scale=1):
    h, w = LR_SIZE
    return rng.uniform(-1, 1, (3, h * scale, w * scale, 3)).astype(np.float32)


@scales
def test_it_is_scipys_gaussian_and_an_area_mean(rng, scale):
    sr = random_images(rng, scale)
    blurred = ndimage.gaussian_filter(sr, 0.5 * scale, mode="nearest", truncate=3.0, axes=(1, 2))
    h, w = LR_SIZE
    expected = blurred.reshape(3, h, scale, w, scale, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(downsample(sr, scale), expected, atol=1e-6)


@scales
def test_constant_images_agree_at_the_border_too(scale):
    colours = jnp.asarray([[1.0, -1.0, 0.25], [0.0, 0.5, -0.5]])[:, None, None]
    h, w = LR_SIZE
    sr, lr = (jnp.broadcast_to(colours, (2, h * s, w * s, 3)) for s in (scale, 1))
    np.testing.assert_allclose(downsample(sr, scale), lr, atol=1e-6)
    np.testing.assert_allclose(consistency(sr, lr, scale), 0.0, atol=1e-6)


@scales
def test_a_shift_of_one_channel_is_found_at_a_third_of_its_size(rng, scale):
    sr = random_images(rng, scale)
    lr = downsample(sr, scale)
    shifts = np.array([0.0, 0.06, -0.3], np.float32)
    blue = np.array([0.0, 0.0, 1.0], np.float32)
    shifted = sr + shifts[:, None, None, None] * blue
    np.testing.assert_allclose(consistency(shifted, lr, scale), abs(shifts) / 3, atol=1e-6)


@scales
def test_a_band_that_lr_does_not_have_costs_more_than_bicubic_does(rng, scale):
    small = random_images(rng)
    smooth = ndimage.gaussian_filter(small, 1.5, axes=(1, 2))
    bicubic = np.asarray(images.bicubic_upscale(smooth, scale))
    band = bicubic.copy()
    band[:, : len(band[0]) // 5, :, 2] += 0.4
    assert (consistency(band, smooth, scale) > 2 * consistency(bicubic, smooth, scale)).all()


@scales
def test_detail_finer_than_an_lr_pixel_is_free(rng, scale):
    h, w = (side * scale for side in LR_SIZE)
    checkered = np.indices((h, w)).sum(axis=0) % 2 - 0.5
    sr = np.broadcast_to(checkered[..., None], (3, h, w, 3)).astype(np.float32)
    cost = consistency(sr, np.zeros((3, *LR_SIZE, 3), np.float32), scale)
    assert (cost < 0.02).all()


@scales
def test_the_gradient_reaches_every_pixel_and_is_right(rng, scale):
    """Against central differences in float64; away from equal pixels the loss is linear, so that the step may be wide."""
    with jax.enable_x64(True):
        sr, lr = random_images(rng, scale).astype(np.float64), random_images(rng).astype(np.float64)
        loss = jax.jit(lambda sr: consistency(sr, lr, scale).sum())
        gradient = jax.grad(loss)(sr)
        assert (gradient != 0).all()
        direction = rng.normal(size=sr.shape)
        step = 1e-7
        slope = (loss(sr + step * direction) - loss(sr - step * direction)) / (2 * step)
        np.testing.assert_allclose(np.vdot(gradient, direction), slope, rtol=1e-6)
