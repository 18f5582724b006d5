"""The figures that papers compare, against libraries that others wrote."""

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lpasrn_jax.losses import pixel


@pytest.fixture
def pair(rng):
    """An image in [0, 1] and a blurred and noisy one."""
    image = cv2.GaussianBlur(rng.random((48, 144, 3)), (5, 5), 1.0)
    return image, np.clip(cv2.GaussianBlur(image, (3, 3), 1.5) + rng.normal(scale=0.03, size=image.shape), 0, 1)


def to_network(image):
    return np.asarray(2 * image - 1, np.float32)[None]


def test_psnr_is_that_of_scikit_image(pair):
    image, other = pair
    found = pixel.psnr(to_network(other), to_network(image))[0]
    assert float(found) == pytest.approx(peak_signal_noise_ratio(image, other, data_range=1.0), rel=1e-5)


def test_ssim_is_that_of_scikit_image(pair):
    """Its mean leaves out a border of 5 pixels, as ours does, which does not pad."""
    image, other = pair
    settings = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, channel_axis=-1)
    expected = structural_similarity(image, other, **settings)
    assert float(pixel.ssim(to_network(other), to_network(image))[0]) == pytest.approx(expected, abs=1e-5)
