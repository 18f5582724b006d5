"""Consistency of an SR image with the LR image that it was made from."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

BLUR_SIGMA = 0.5  # LR pixels: the lens and sensor assumed in front of the area sampling


def downsample(sr: Float[Array, "b sh sw 3"], scale: int) -> Float[Array, "b h w 3"]:
    """An SR image at LR size, as a camera would see it: a Gaussian blur, then the mean of each square of `scale` x `scale`.

    The Gaussian has a sigma of half an LR pixel and is cut off at three sigmas; the border is repeated outwards.
    """
    sr = jnp.asarray(sr)
    _, sh, sw, _ = sr.shape
    # One matrix per side, since blur and mean are linear and separable. XLA's depthwise convolution took over 30 times as long
    # on a CPU, forward and backward.
    rows, columns = (jnp.asarray(_side_matrix(side, scale), sr.dtype) for side in (sh, sw))
    # By default, a matrix product may run in reduced precision on an accelerator.
    return jnp.einsum("ih,bhwc,jw->bijc", rows, sr, columns, precision="highest")


def consistency(sr: Float[Array, "b sh sw 3"], lr: Float[Array, "b h w 3"], scale: int) -> Float[Array, " b"]:
    """Mean absolute difference of the SR image, sampled down to the LR grid, and the LR image, over pixels and channels.

    Both images in [-1, 1], so a value in [0, 2]. It constrains brightness and colours, but not detail finer than an LR pixel.
    """
    return jnp.mean(jnp.abs(downsample(sr, scale) - lr), axis=(1, 2, 3))


def _side_matrix(side: int, scale: int) -> Float[np.ndarray, "n side"]:
    """Blur and mean along one side of an image; each row sums to 1."""
    sigma = BLUR_SIGMA * scale
    radius = round(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(np.eye(side), ((radius, radius), (0, 0)), mode="edge")
    blur = sum(weight * padded[i : i + side] for i, weight in enumerate(weights / weights.sum()))
    return blur.reshape(side // scale, scale, side).mean(axis=1)
