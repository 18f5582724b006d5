"""Which split a plate belongs to.

By its text and nothing else: images of one plate are near-duplicates, and one of them in training makes the
others easy in validation.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Split = Literal["train", "val"]


def split_of(text: str, val_split: float) -> Split:
    """The split of a plate text: the same on every machine, in every set, and for each text independent of the others.

    A text that is in `val` stays there when `val_split` grows.

    Args:
      text: the plate's text.
      val_split: the part of all texts, in [0, 1], that is for validation.

    Raises:
      ValueError: for a `val_split` outside [0, 1].
    """
    if not 0 <= val_split <= 1:
        raise ValueError(f"data.val_split: {val_split} found; expected a number from 0 to 1")
    digest = hashlib.sha256(text.encode()).digest()
    return "val" if int.from_bytes(digest[:8], "big") < val_split * 2**64 else "train"
