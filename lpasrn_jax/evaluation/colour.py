"""Colour differences between two images of the same plate and size. All images in [-1, 1].

Pixels also differ where one image is sharper, so the mean over pixels is high even for the true HR image. Mean colours do not
depend on sharpness.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Images = Float[Array, "b h w 3"]

BAND = 0.2  # height of the band of a Mercosur plate, as a fraction of the plate's height

# From linear sRGB to CIE XYZ (IEC 61966-2-1, primaries of ITU-R BT.709); the rows' sums are the white point D65.
XYZ_FROM_RGB = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])


def luma(images: Images) -> Float[Array, "b h w 1"]:
    """Y of ITU-R BT.601 in [16, 235], as MATLAB's rgb2ycbcr and the papers on super-resolution have it."""
    unit = (images + 1.0) / 2.0
    return 16.0 + jnp.sum(unit * jnp.array([65.481, 128.553, 24.966]), axis=-1, keepdims=True)


def lab(images: Images) -> Float[Array, "b h w 3"]:
    """CIELAB (ISO/CIE 11664-4) of sRGB images under D65: L* in [0, 100], a* and b* about [-110, 110], 0 for grey."""
    unit = (images + 1.0) / 2.0
    linear = jnp.where(unit <= 0.04045, unit / 12.92, jnp.maximum((unit + 0.055) / 1.055, 0.0) ** 2.4)
    to_white = jnp.asarray(XYZ_FROM_RGB / XYZ_FROM_RGB.sum(axis=1, keepdims=True), images.dtype)
    # Left to itself, a matrix product may run in reduced precision on an accelerator.
    xyz = jnp.einsum("ij,bhwj->bhwi", to_white, linear, precision="highest")
    x, y, z = jnp.moveaxis(jnp.where(xyz > (6 / 29) ** 3, jnp.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29), -1, 0)
    return jnp.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)


def colour_difference(images: Images, others: Images) -> Float[Array, " b"]:
    """Mean over the pixels of Delta E*ab, the distance in CIELAB (CIE 1976); 2.3 is just noticeable."""
    return jnp.mean(jnp.linalg.norm(lab(images) - lab(others), axis=-1), axis=(1, 2))


def colour_shift(images: Images, others: Images) -> Float[Array, " b"]:
    """Delta E*ab of the images' mean colours in CIELAB."""
    return jnp.linalg.norm(jnp.mean(lab(images) - lab(others), axis=(1, 2)), axis=-1)


def blue_shift(images: Images, others: Images) -> Float[Array, " b"]:
    """Mean of blue minus red in the top fifth of `images`, less the same of `others`, in grey levels of 255.

    Positive where a network paints the blue band of a Mercosur plate on a plate that has none.
    """
    top = round(BAND * images.shape[1])
    return jnp.mean((images - others)[:, :top] @ jnp.array([-127.5, 0.0, 127.5]), axis=(1, 2))
