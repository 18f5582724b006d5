"""Uneven light: what changes across a plate more slowly than its characters do, such as glare and shadows."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def evenly_lit(images: Float[Array, "b h w c"], sigma: float) -> Float[Array, "b h w c"]:
    """Images less their light, each channel's mean kept.

    The light is a smooth image, by local linear regression (Fan 1992, doi 10.1080/01621459.1992.10476255) along the columns and
    then the rows: unlike a blur, it follows a slope of light up to the edge. What is left may be darker than black or brighter
    than white.

    Args:
      images: any values.
      sigma: standard deviation of the regression's Gaussian weights, as a part of the images' height; of half a pixel
        at least.
    """
    _, h, w, _ = images.shape
    rows, columns = (_local_lines(side, max(sigma * h, 0.5)).astype(images.dtype) for side in (h, w))
    light = jnp.einsum("bhwc,ih,jw->bijc", images, rows, columns, precision="highest")
    return images - light + light.mean((1, 2), keepdims=True)


def _local_lines(side: int, sigma: float) -> Float[np.ndarray, "side side"]:
    """What each pixel of a row gives to each place's line, fitted to the pixels around it, at that place."""
    if side == 1:  # through one pixel go many lines, all of which have its value there
        return np.ones((1, 1))
    distances = np.arange(side) - np.arange(side)[:, None]
    weights = np.exp(-(distances**2) / (2 * sigma**2))
    total, first, second = (np.sum(weights * distances**k, axis=1, keepdims=True) for k in range(3))
    return weights * (second - first * distances) / (total * second - first**2)
