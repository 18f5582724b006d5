"""What the OCR says about a plate, from all the images that it sees of it.

It sees each frame twice: enlarged as it is, and as the generator shows it; of a track, in place of the second, the one image that
the generator makes of all frames. The generator adds what it knows of plates, and sometimes what was never there: two looks that
err differently are right more often than either.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from jaxtyping import Array, Float

AS_IT_IS, ENLARGED, OF_ALL = "bicubic", "sr", "fused"  # kinds of image
WORTH = 2  # the image of all frames counts as much as so many of them as they are: the best of 0 to 5 on synthetic tracks


def kinds(there: Collection[str], alone: str) -> tuple[str, ...]:
    """The kinds of image that readings are made from, of those that are there; `alone` where there is no generator."""
    return tuple(kind for kind in (AS_IT_IS, ENLARGED, OF_ALL) if kind in there) if ENLARGED in there else (alone,)


def frame_log_probs(by_kind: Mapping[str, Float[Array, "n k v"]]) -> Float[Array, "n k v"]:
    """Slot log-probabilities of frames, up to a constant of each slot: the mean over both looks.

    Args:
      by_kind: slot log-probabilities by kind of image: `bicubic` and `sr`, or the only one that there is.
    """
    if ENLARGED in by_kind:
        return (by_kind[AS_IT_IS] + by_kind[ENLARGED]) / 2
    (alone,) = by_kind.values()
    return alone


def track_log_probs(by_kind: Mapping[str, Float[np.ndarray, "n k v"]], frames: int) -> Float[np.ndarray, "t f k v"]:
    """Slot log-probabilities of whole tracks, frame by frame: each frame as it is beside its share of the image of all.

    Their sum over the frames has each frame once and the image of all `WORTH` times, all divided by the same number.

    Args:
      by_kind: of every frame of every track, n = t f; `fused`, if present, is the image of all frames with that
        frame as its reference; the first of each track is used.
      frames: of a track.
    """

    def tracks(log_probs: Float[np.ndarray, "n k v"]) -> Float[np.ndarray, "t f k v"]:
        return log_probs.reshape(-1, frames, *log_probs.shape[1:])

    if OF_ALL not in by_kind:
        return tracks(frame_log_probs(by_kind))
    return (frames * tracks(by_kind[AS_IT_IS]) + WORTH * tracks(by_kind[OF_ALL])[:, :1]) / (frames + WORTH)


def look_log_probs(as_it_is: Float[np.ndarray, "f k v"], generated: Float[np.ndarray, "n k v"]) -> Float[np.ndarray, "f k v"]:
    """Slot log-probabilities of the frames of one track, from both looks at them.

    Args:
      as_it_is: of the frames, enlarged as they are.
      generated: of the generator's images: one per frame, or the one of all frames.
    """
    if len(generated) < len(as_it_is):
        return track_log_probs({AS_IT_IS: as_it_is, OF_ALL: np.broadcast_to(generated, as_it_is.shape)}, len(as_it_is))[0]
    return frame_log_probs({AS_IT_IS: as_it_is, ENLARGED: generated})
