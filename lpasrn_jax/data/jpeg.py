"""JPEG compression loss on the device: 8 x 8 cosine transform, quantisation, and back."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

BLOCK = 8
# Quantisation of luminance and chrominance at quality 50: ITU-T T.81 (1992), tables K.1 and K.2.
LUMINANCE = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
])  # fmt: skip
CHROMINANCE = np.full((BLOCK, BLOCK), 99)
CHROMINANCE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
TABLES = np.stack([LUMINANCE, CHROMINANCE, CHROMINANCE], -1).astype(np.float32)  # [8, 8, 3]

# RGB to luminance and two colour differences: JFIF 1.02.
TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
TO_RGB = np.linalg.inv(TO_YCC).astype(np.float32)


def _cosines() -> Float[np.ndarray, "8 8"]:
    """The orthonormal cosine transform (DCT-II): frequency by sample."""
    k, n = np.meshgrid(np.arange(BLOCK), np.arange(BLOCK), indexing="ij")
    rows = np.cos(np.pi * (2 * n + 1) * k / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    rows[0] /= np.sqrt(2)
    return rows.astype(np.float32)


COSINES = _cosines()


def jpeg_compress(images: Float[Array, "b h w 3"], quality: Float[Array, " b"]) -> Float[Array, "b h w 3"]:
    """Images in [0, 1] as decoded from a JPEG file of that quality (1 to 100, libjpeg's scale).

    Colour keeps its full resolution (4:4:4). Results may be slightly outside [0, 1]. Gradients pass as if nothing was rounded: a
    loss of the result teaches what made the images.
    """
    b, h, w, _ = images.shape
    padded = jnp.pad(images, ((0, 0), (0, -h % BLOCK), (0, -w % BLOCK), (0, 0)), mode="edge")
    blocks = padded.reshape(b, padded.shape[1] // BLOCK, BLOCK, padded.shape[2] // BLOCK, BLOCK, 3)
    # 128 less in red, green and blue is 128 less in luminance, and nothing in the colour differences.
    ycc = _product("bhywxc,dc->bhywxd", blocks * 255.0 - 128.0, TO_YCC)
    scale = jnp.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100
    tables = jnp.clip(jnp.floor(scale[:, None, None, None] * TABLES[None] + 0.5), 1, 255)[:, None, :, None]
    frequencies = _product("bhywxc,uy,vx->bhuwvc", ycc, COSINES, COSINES)
    quantised = _round(frequencies / tables) * tables
    back = _product("bhuwvc,uy,vx->bhywxc", quantised, COSINES, COSINES)
    rgb = (_product("bhywxd,cd->bhywxc", back, TO_RGB) + 128.0) / 255.0
    return rgb.reshape(padded.shape)[:, :h, :w]


@jax.custom_jvp
def _round(x: Array) -> Array:
    return jnp.round(x)


_round.defjvps(lambda tangent, rounded, x: tangent)


def _product(subscripts: str, *operands) -> Array:
    # In full float32: an accelerator's faster products would change the results of the rounding.
    return jnp.einsum(subscripts, *operands, precision="highest")
