"""The frames of a video that show a plate best."""

from __future__ import annotations

import heapq
import pathlib

import cv2
import numpy as np
from jaxtyping import UInt8

from lpasrn_jax.errors import UserError
from lpasrn_jax.reading.region import Region

ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")
MAX_FRAMES = 9000  # five minutes at 30 frames per second: no plate stays in a box for longer
BEST = 10  # frames that are read; more of them repeat each other
NOISE = 1.0  # standard deviation in pixels of the gaussian that keeps noise from counting as sharpness

RGB = UInt8[np.ndarray, "h w 3"]


def sharpest_frames(path: pathlib.Path, region: Region) -> dict[str, RGB]:
    """The plate in the sharpest frames of a video, the sharpest first, by the frames' names: `frame-00012` is the twelfth.

    Args:
      path: a video that OpenCV decodes.
      region: where the plate is, in all frames alike.

    Raises:
      UserError: for what is no video, for more than `MAX_FRAMES`, and for a region outside the frames.
    """
    if not path.is_file():
        raise UserError(f"{path}: is not a file")
    capture = cv2.VideoCapture(str(path))
    try:
        best: list[tuple[float, int, RGB]] = []
        number = 0
        while (read := capture.read())[0]:
            number += 1
            if number > MAX_FRAMES:
                raise UserError(
                    f"{path}: has more than {MAX_FRAMES} frames; cut out the part in which the plate stays in the box"
                )
            plate = region.cut(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB), str(path))
            heapq.heappush(best, (sharpness(plate), -number, plate))  # of equals the earlier stays
            if len(best) > BEST:
                heapq.heappop(best)
    finally:
        capture.release()
    if not best:
        raise UserError(f"{path}: OpenCV decodes no frame of it; expected a video, such as one of H.264 in an .mp4 file")
    return {f"frame-{-number:05d}": plate for _, number, plate in sorted(best, key=lambda one: one[:2], reverse=True)}


def sharpness(image: RGB) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548) of the smoothed luminance."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), NOISE), cv2.CV_32F).var())
