"""Resizing by interpolation, as products with constant matrices, which every compiler and exchange format has."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Kernel = Callable[[Float[np.ndarray, "old new"]], Float[np.ndarray, "old new"]]  # weights of pixels at distances >= 0


def linear(x: Float[np.ndarray, "old new"]) -> Float[np.ndarray, "old new"]:
    """The triangle of bilinear interpolation."""
    return np.maximum(1 - x, 0.0)


def cubic(x: Float[np.ndarray, "old new"]) -> Float[np.ndarray, "old new"]:
    """The cubic convolution kernel of Keys (1981, doi 10.1109/TASSP.1981.1163711), a = -0.5."""
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def resize(
    images: Float[Array, "b h w c"],
    size: tuple[int, int],
    kernel: Kernel,
    *,
    scale: float | None = None,
    antialias: bool = False,
) -> Float[Array, "b new_h new_w c"]:
    """Resizes height and width: output pixel i lies at (i + 0.5) / scale - 0.5 of the input; beyond the edge there is nothing.

    Args:
      images: any values.
      size: height and width of the result.
      kernel: `linear` or `cubic`.
      scale: of both sides, where `size` is rounded; the ratio of the sizes if not given.
      antialias: where the image shrinks, the kernel grows, so that every pixel counts.
    """
    _, h, w, _ = images.shape
    rows, columns = (
        _weights(old, new, scale or new / old, kernel, antialias).astype(images.dtype)
        for old, new in zip((h, w), size, strict=True)
    )
    # Left to itself, a matrix product may run in reduced precision on an accelerator.
    return jnp.einsum("bhwc,hi,wj->bijc", images, rows, columns, precision="highest")


def _weights(old: int, new: int, scale: float, kernel: Kernel, antialias: bool) -> Float[np.ndarray, "old new"]:
    """What each input pixel gives to each output pixel."""
    places = (np.arange(new) + 0.5) / scale - 0.5
    distances = np.abs(np.arange(old)[:, None] - places)
    weights = kernel(distances * (min(scale, 1.0) if antialias else 1.0))
    return weights / weights.sum(axis=0)
