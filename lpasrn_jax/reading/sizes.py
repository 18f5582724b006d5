"""The sizes at which images are enhanced, and how many pixels they may have."""

from __future__ import annotations

import math

from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import MAX_PIXELS

MAGNIFICATIONS = (1, 2, 4, 8)  # of the training size, at which images are enhanced
MAX_TRACK_PIXELS = 2**21  # of all frames as they are enhanced: 18 frames at 8 times 24 x 72, where a layer takes 500 MB


def working_size(h: int, w: int, lr_size: tuple[int, int]) -> tuple[int, int]:
    """Height and width at which the generator sees an h x w image: the least of `MAGNIFICATIONS` that holds it, or the last."""
    height, width = lr_size
    times = next((t for t in MAGNIFICATIONS if h <= t * height and w <= t * width), MAGNIFICATIONS[-1])
    return times * height, times * width


def check_enlarged(h: int, w: int, scale: int) -> None:
    """Raise UserError for an h x w image that would have more than `frames.MAX_PIXELS` once it is enlarged."""
    if h * w * scale**2 > MAX_PIXELS:
        raise UserError(
            f"enhance: an image of {w} x {h} pixels would become {scale} times as wide and high; expected at most "
            f"{MAX_PIXELS} pixels then: cut the plate out of it first"
        )


def check_track(frames: int, size: tuple[int, int]) -> None:
    """Raise UserError for so many frames of a working size that they have more than `MAX_TRACK_PIXELS` in all."""
    most = MAX_TRACK_PIXELS // math.prod(size)
    if frames > most:
        raise UserError(f"frames: more than {most} found; expected at most that many at {size[1]} x {size[0]} pixels")
