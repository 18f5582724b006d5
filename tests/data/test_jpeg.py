"""The JPEG model against libjpeg."""

import cv2
import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.data.jpeg import COSINES, jpeg_compress


def _image(h, w):
    coarse = np.random.default_rng(0).integers(0, 256, (4, 9, 3), np.uint8)
    return cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)


def test_cosines_are_orthonormal():
    np.testing.assert_allclose(COSINES @ COSINES.T, np.eye(8), atol=1e-6)


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 95, 100])
def test_loses_what_libjpeg_loses(quality):
    rgb = _image(24, 72)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)[1]
    expected = cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(float)
    got = np.clip(np.asarray(jpeg_compress(jnp.asarray(rgb[None] / 255.0), jnp.array([float(quality)])))[0], 0, 1) * 255
    # libjpeg rounds after each step; a frequency that falls on the other side of a half now and then differs by a step.
    assert abs(got - expected).mean() < 1.5
    assert abs(got - expected).mean() < 1.4 * max(abs(expected - rgb).mean(), 0.5)


def test_lower_quality_loses_more():
    images = jnp.asarray(np.stack([_image(24, 72)] * 4) / 255.0)
    lost = jnp.abs(jpeg_compress(images, jnp.array([10.0, 40.0, 80.0, 100.0])) - images).mean((1, 2, 3))
    assert (jnp.diff(lost) < 0).all()


def test_sizes_that_are_no_multiple_of_a_block():
    image = jnp.asarray(_image(21, 43)[None] / 255.0)
    result = jpeg_compress(image, jnp.array([95.0]))
    assert result.shape == image.shape
    assert jnp.abs(result - image).mean() < 0.02
