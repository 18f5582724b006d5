"""Rough registration of the frames of a track: an affine transform brings each to the place of the first."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

ENLARGED = 2  # the transform is estimated on images this many times as large, where OpenCV's gradients are finer
CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
SMOOTHING = 5  # side in pixels of the gaussian that OpenCV smooths both images with
MAX_MOTION = 0.2  # largest shift, as a fraction of height or width, and largest change of size, that is believed

RGB = UInt8[np.ndarray, "h w 3"]


def register(frames: UInt8[np.ndarray, "f h w 3"]) -> UInt8[np.ndarray, "f h w 3"]:
    """Frames of one size, each seen at the place of the first.

    The affine transform maximises the enhanced correlation coefficient (Evangelidis and Psarakis 2008,
    doi:10.1109/TPAMI.2008.113), which brightness and contrast leave alone. A frame for which none is found, or an implausible
    one, stays as it is: the network that follows gives little weight to what does not fit.
    """
    first = _grey(frames[0])
    return np.stack([frames[0], *(_moved(frame, first) for frame in frames[1:])])


def _moved(frame: RGB, reference: Float[np.ndarray, "rh rw"]) -> RGB:
    h, w, _ = frame.shape
    matrix = _affine(reference, _grey(frame))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return frame if matrix is None else cv2.warpAffine(frame, matrix, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _affine(reference: Float[np.ndarray, "rh rw"], image: Float[np.ndarray, "rh rw"]) -> Float[np.ndarray, "2 3"] | None:
    """The transform from the reference's pixels to the image's, in pixels of the frames; None where there is none to believe."""
    try:
        _, matrix = cv2.findTransformECC(
            reference, image, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE, CRITERIA, None, SMOOTHING
        )
    except cv2.error:  # not converged
        return None
    h, w = reference.shape
    motion = np.abs(matrix - np.eye(2, 3)) / np.array([[1, w / h, w], [h / w, 1, h]])
    if not motion.max() <= MAX_MOTION:
        return None
    # Pixel centres: x of the enlarged image is ENLARGED * (x + 1/2) - 1/2 of the frame.
    half = np.full(2, (ENLARGED - 1) / 2)
    shift = (matrix[:, :2] @ half + matrix[:, 2] - half) / ENLARGED
    return np.concatenate([matrix[:, :2], shift[:, None]], axis=1)


def _grey(frame: RGB) -> Float[np.ndarray, "rh rw"]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC).astype(np.float32)
