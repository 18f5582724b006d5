"""The figures that papers compare, against libraries that others wrote."""

import cv2
import numpy as np
import pytest
from skimage import color
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lpasrn_jax.evaluation import colour, metrics
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


def test_psnr_y_is_that_of_scikit_images_luma_inside_the_border(pair):
    inner = [color.rgb2ycbcr(image)[2:-2, 2:-2, 0] for image in pair]
    expected = peak_signal_noise_ratio(*inner, data_range=255)
    images = {"lr": None, "sr": to_network(pair[1]), "hr": to_network(pair[0])}
    found = metrics.image_scores(images, 2, ["psnr_y"])["psnr_y"]
    assert float(found["sr"][0]) == pytest.approx(expected, rel=1e-5)


def test_colours_and_their_differences_are_those_of_scikit_image(pair):
    darker = pair[1] * [1.0, 0.4, 0.05]  # colours, and values in the straight part of sRGB's curve
    ours, theirs = to_network(darker), to_network(pair[0])
    lab = [color.rgb2lab(image) for image in (darker, pair[0])]
    np.testing.assert_allclose(colour.lab(ours)[0], lab[0], atol=0.02)
    assert float(colour.colour_difference(ours, theirs)[0]) == pytest.approx(color.deltaE_cie76(*lab).mean(), abs=0.01)
    means = [image.mean(axis=(0, 1)) for image in lab]
    assert float(colour.colour_shift(ours, theirs)[0]) == pytest.approx(color.deltaE_cie76(*means), abs=0.01)
