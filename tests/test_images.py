"""uint8 and float images, and bicubic upscaling."""

import jax.numpy as jnp
import numpy as np
from PIL import Image

from lpasrn_jax import images


def test_every_level_survives_the_way_to_float_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    as_float = images.to_float(levels)
    assert as_float.dtype == jnp.float32
    assert (float(as_float.min()), float(as_float.max())) == (-1.0, 1.0)
    np.testing.assert_array_equal(images.to_uint8(as_float), levels)


def test_to_uint8_clips():
    np.testing.assert_array_equal(images.to_uint8(jnp.array([[[[-3.0], [3.0]]]])), [[[[0], [255]]]])


def test_bicubic_agrees_with_pillow(rng):
    # no overshoot past black or white: Pillow clips after each axis
    image = rng.integers(90, 166, (10, 14, 3), np.uint8)
    ours = images.to_uint8(images.bicubic_upscale(images.to_float(image[None]), 2))[0]
    theirs = np.asarray(Image.fromarray(image).resize((28, 20), Image.Resampling.BICUBIC))
    difference = np.abs(ours.astype(int) - theirs)
    # Pillow rounds after each axis.
    assert difference.max() <= 1
