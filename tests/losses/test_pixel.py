"""L1, SSIM and PSNR against values worked out by hand and against other people's code."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from lpasrn_jax.losses import pixel


def pair(rng):
    return rng.uniform(-1, 1, (3, 20, 24, 3)).astype(np.float32), rng.uniform(-1, 1, (3, 20, 24, 3)).astype(np.float32)


def test_l1_is_one_mean_per_example():
    sr = jnp.zeros((2, 4, 4, 3))
    hr = jnp.stack([jnp.full((4, 4, 3), 0.5), jnp.full((4, 4, 3), -0.25)])
    np.testing.assert_allclose(pixel.l1(sr, hr), [0.5, 0.25])


def test_psnr_of_a_known_error():
    # an error of 0.2 in [-1, 1] is 0.1 in [0, 1]: 10 log10(1 / 0.01) = 20 dB
    np.testing.assert_allclose(pixel.psnr(jnp.zeros((1, 4, 4, 3)), jnp.full((1, 4, 4, 3), 0.2)), [20.0], rtol=1e-5)


def test_psnr_of_equal_images_is_finite_and_above_that_of_all_others():
    image = np.zeros((1, 48, 144, 3), np.float32)
    other = image.copy()
    other[0, 0, 0, 0] = 2 / 255
    assert pixel.psnr(image, image)[0] == pixel.MAX_PSNR > pixel.psnr(image, other)[0] > 90


def test_ssim_agrees_with_wangs_formula_in_float64(rng):
    sr, hr = pair(rng)
    np.testing.assert_allclose(pixel.ssim(sr, hr), [wang(a, b) for a, b in zip(sr, hr, strict=True)], atol=1e-5)


def wang(sr, hr):
    """Equation 13 of Wang et al. 2004 in float64, over windows that lie wholly inside the image."""
    a, b = (sr.astype(np.float64) + 1) / 2, (hr.astype(np.float64) + 1) / 2

    def mean(image):
        blurred = ndimage.gaussian_filter(image, 1.5, truncate=5 / 1.5, axes=(0, 1))
        return blurred[5:-5, 5:-5]

    c1, c2 = 0.01**2, 0.03**2
    var_a, var_b, cov = mean(a * a) - mean(a) ** 2, mean(b * b) - mean(b) ** 2, mean(a * b) - mean(a) * mean(b)
    ssim = (2 * mean(a) * mean(b) + c1) * (2 * cov + c2) / ((mean(a) ** 2 + mean(b) ** 2 + c1) * (var_a + var_b + c2))
    return ssim.mean()


def test_ssim_loss_is_zero_for_equal_images(rng):
    image, other = pair(rng)
    np.testing.assert_allclose(pixel.ssim_loss(image, image), np.zeros(3), atol=1e-6)
    assert (pixel.ssim_loss(image, other) > 0.5).all()


@pytest.mark.parametrize("measure", [pixel.l1, pixel.ssim, pixel.psnr])
def test_examples_do_not_mix(rng, measure):
    sr, hr = pair(rng)
    np.testing.assert_allclose(measure(sr, hr)[1:2], measure(sr[1:2], hr[1:2]), rtol=1e-5)
