"""Fusion of the readings of several frames of one plate, by the rules that the literature compares.

HC, MV and MVCP: arXiv 2505.06393 (UFPR-SR-Plates). A frame's own text is what `decode_slots` makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from lpasrn_jax.errors import UserError
from lpasrn_jax.reading.decode import decode_slots

LogProbs = Float[np.ndarray, "n f k v"]
Masks = Bool[np.ndarray, "l k v"]


class Fused(NamedTuple):
    """The texts of n plates as class indices."""

    classes: Int[np.ndarray, "n k"]


class _Frames(NamedTuple):
    """Each frame's own text and its characters' log-probabilities."""

    classes: Int[np.ndarray, "n f k"]
    log_probs: Float[np.ndarray, "n f k"]


def fuse_log_probs(log_probs: LogProbs, layout_masks: Masks) -> Fused:
    """The sum of the frames' log-probabilities, decoded once."""
    return Fused(_decode(log_probs.sum(axis=1, keepdims=True), layout_masks).classes[:, 0])


def fuse_highest_confidence(log_probs: LogProbs, layout_masks: Masks) -> Fused:
    """HC: the text of the frame whose text is most probable; the earlier of equals."""
    frames = _decode(log_probs, layout_masks)
    return Fused(_pick(frames.classes, frames.log_probs.sum(axis=-1)))


def fuse_majority(log_probs: LogProbs, layout_masks: Masks) -> Fused:
    """MV: the text that most frames agree on; of equally many, the one with the larger sum of probabilities, then the earlier."""
    frames = _decode(log_probs, layout_masks)
    same = (frames.classes[:, :, None] == frames.classes[:, None]).all(axis=-1)  # [n f f]
    confidence = np.exp(frames.log_probs.sum(axis=-1, dtype=np.float64))
    return Fused(_pick(frames.classes, _votes(same, confidence)))


def fuse_majority_by_position(log_probs: LogProbs, layout_masks: Masks) -> Fused:
    """MVCP: in each place the character that most frames agree on; ties as in MV, with the character's probabilities.

    Frames of different layouts may make a text of neither, as in the paper; with one layout in the masks they cannot.
    """
    frames = _decode(log_probs, layout_masks)
    same = frames.classes[:, :, None] == frames.classes[:, None]  # [n f f k]
    probability = np.exp(frames.log_probs.astype(np.float64))
    votes = _votes(np.moveaxis(same, -1, 1), np.moveaxis(probability, -1, 1))  # [n k f]
    return Fused(np.take_along_axis(np.moveaxis(frames.classes, -1, 1), votes.argmax(axis=-1)[..., None], axis=-1)[..., 0])


FUSIONS: dict[str, Callable[[LogProbs, Masks], Fused]] = {
    "log_probs": fuse_log_probs,
    "hc": fuse_highest_confidence,
    "mv": fuse_majority,
    "mvcp": fuse_majority_by_position,
}


def find_fusion(rule: str) -> Callable[[LogProbs, Masks], Fused]:
    """The fusion of that name.

    Raises:
      UserError: for an unknown name.
    """
    if rule not in FUSIONS:
        raise UserError(f"fusion: {rule!r} found; expected one of {', '.join(FUSIONS)}")
    return FUSIONS[rule]


def fuse(rule: str, log_probs: LogProbs, layout_masks: Masks) -> Fused:
    """One text for each plate.

    Args:
      rule: a name in `FUSIONS`.
      log_probs: slot log-probabilities of f >= 1 frames of each of n plates.
      layout_masks: of the candidate layouts.

    Raises:
      UserError: for an unknown rule.
    """
    return find_fusion(rule)(np.asarray(log_probs), np.asarray(layout_masks))


def _votes(same: Bool[np.ndarray, "... f f"], probability: Float[np.ndarray, "... f"]) -> Float[np.ndarray, "... f"]:
    """How many frames say the same as each frame, plus a tie-breaker below 1: half their mean probability.

    Equally many frames: the larger mean is the larger sum. The factor keeps a mean of 1 below a whole vote.
    """
    count = same.sum(axis=-1)
    total = np.where(same, probability[..., None, :], 0.0).sum(axis=-1)
    return count + 0.5 * total / count


def _pick(classes: Int[np.ndarray, "n f k"], score: Float[np.ndarray, "n f"]) -> Int[np.ndarray, "n k"]:
    return np.take_along_axis(classes, score.argmax(axis=1)[:, None, None], axis=1)[:, 0]


_decode_slots = jax.jit(decode_slots)  # one program to compile or to load, instead of one for each operation


def _decode(log_probs: LogProbs, layout_masks: Masks) -> _Frames:
    n, f, k, v = log_probs.shape
    decoded = jax.device_get(_decode_slots(log_probs.reshape(n * f, k, v), layout_masks))
    return _Frames(decoded.classes.reshape(n, f, k), decoded.log_probs.reshape(n, f, k))
