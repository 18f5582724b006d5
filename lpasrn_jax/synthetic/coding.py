"""What coding leaves of a track's frames: JPEG, or video, where each frame is coded as a change of the one before."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax.synthetic.ranges import CameraRanges

Frame = UInt8[np.ndarray, "h w 3"]


def code_frames(
    frames: Sequence[Frame], corners: Sequence[Float[np.ndarray, "4 2"]], ranges: CameraRanges, rng: np.random.Generator
) -> list[Frame]:
    """The frames of a track as they come out of the decoder.

    Args:
      frames: RGB, of any sizes.
      corners: the plate's corners in each, by which video finds a frame's content in the next.
      ranges: quality, and how often video is used, and blocks that begin anywhere, as in a crop of a larger picture.
      rng: draws from the ranges.
    """
    quality = round(ranges.jpeg.draw(rng))
    video = rng.random() < ranges.video
    offset = rng.integers(0, 8, 2) if rng.random() < ranges.grid_offset else np.zeros(2, int)
    if video:
        return _code_video(frames, corners, quality, offset)
    return [code_jpeg(frame, quality, offset) for frame in frames]


def code_jpeg(frame: Frame, quality: int, offset: Sequence[int] = (0, 0)) -> Frame:
    """A frame after JPEG of a quality from 1 to 100, with chroma at half the resolution; blocks begin at -`offset` (y, x)."""
    top, left = (int(v) for v in offset)
    if top or left:
        frame = cv2.copyMakeBorder(frame, top, 0, left, 0, cv2.BORDER_REPLICATE)
    decoded = _jpeg(frame, quality)
    return decoded[top:, left:]


def _code_video(frames: Sequence[Frame], corners: Sequence[np.ndarray], quality: int, offset: Sequence[int]) -> list[Frame]:
    """The first frame is coded by itself; of each other the difference from the one before, moved to where the plate is now.

    OpenCV's own encoders code at a fixed, nearly lossless quality, so transform coding of the difference stands in for them: it
    loses what they lose at low bit rates, small changes, and keeps the faults of one frame in the next.
    """
    decoded = [code_jpeg(frames[0], quality, offset)]
    for frame, before, now in zip(frames[1:], corners, corners[1:], strict=False):
        h, w, _ = frame.shape
        motion = cv2.getPerspectiveTransform(np.float32(before), np.float32(now))
        predicted = cv2.warpPerspective(decoded[-1], motion, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        difference = np.clip(frame - predicted.astype(np.int16) + 128, 0, 255).astype(np.uint8)
        decoded.append(
            np.clip(predicted + code_jpeg(difference, quality, offset).astype(np.int16) - 128, 0, 255).astype(np.uint8)
        )
    return decoded


def _jpeg(frame: Frame, quality: int) -> Frame:
    encoded = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]
