"""The two forms an image has here, and the bicubic upscaling that super-resolution is compared with.

Outside the networks: uint8 HWC RGB. Inside: float32 NHWC in [-1, 1].
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from lpasrn_jax.resampling import cubic, resize


def to_float(images: UInt8[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """uint8 in [0, 255] to float32 in [-1, 1]."""
    return jnp.asarray(images, jnp.float32) / 127.5 - 1.0


def to_uint8(images: Float[Array, "b h w c"]) -> UInt8[np.ndarray, "b h w c"]:
    """float in [-1, 1] to uint8 in [0, 255], rounded to the nearest and clipped, on the host."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def bicubic_upscale(images: Float[Array, "b h w c"], scale: int) -> Float[Array, "b rh rw c"]:
    """Images `scale` times as large by bicubic interpolation (Keys 1981, a = -0.5, half-pixel centres), clipped to [-1, 1]."""
    _, h, w, _ = images.shape
    return jnp.clip(resize(images, (h * scale, w * scale), cubic), -1.0, 1.0)
