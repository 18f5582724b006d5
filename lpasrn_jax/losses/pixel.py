"""Losses and measures that compare an SR image with its HR image pixel by pixel. Each returns one value per example."""

from __future__ import annotations

import dm_pix
import jax.numpy as jnp
from jaxtyping import Array, Float

MAX_PSNR = 100.0  # dB; two 48 x 144 images that differ by one grey value of 256 in one channel of one pixel have 91

Images = Float[Array, "b h w 3"]


def l1(sr: Images, hr: Images) -> Float[Array, " b"]:
    """Mean absolute difference of images in [-1, 1]; a value in [0, 2]."""
    return jnp.mean(jnp.abs(sr - hr), axis=(1, 2, 3))


def ssim(sr: Images, hr: Images) -> Float[Array, " b"]:
    """Structural similarity of images in [-1, 1], a value in [-1, 1]; 1 for equal images.

    Wang, Bovik, Sheikh, Simoncelli 2004 (doi:10.1109/TIP.2003.819861), equation 13: Gaussian window of 11 pixels, sigma 1.5,
    K1 0.01, K2 0.03, on RGB rescaled to [0, 1], each channel alone and then averaged, without padding.
    """
    return dm_pix.ssim((sr + 1.0) / 2.0, (hr + 1.0) / 2.0)


def ssim_loss(sr: Images, hr: Images) -> Float[Array, " b"]:
    """1 - SSIM; a value in [0, 2]."""
    return 1.0 - ssim(sr, hr)


def psnr(sr: Images, hr: Images) -> Float[Array, " b"]:
    """Peak signal-to-noise ratio in dB of images in [-1, 1]; RGB rescaled to [0, 1], no border cropped.

    At most `MAX_PSNR`, the value for equal images: an infinite value would make every mean infinite.
    """
    return jnp.minimum(dm_pix.psnr((sr + 1.0) / 2.0, (hr + 1.0) / 2.0), MAX_PSNR)
