"""Accuracy of texts: edit accuracy, characters right and confusions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from rapidfuzz.distance import Levenshtein


def edit_accuracy(read: Sequence[str], truth: Sequence[str]) -> Float[np.ndarray, " n"]:
    """1 - Levenshtein distance / length of the true text, at least 0: missing and surplus characters count as errors too.

    Raises:
      ValueError: for an empty true text, or different numbers of texts.
    """
    if not all(truth):
        raise ValueError("truth: an empty text found; expected at least one character in each")
    return np.array([max(0.0, 1 - Levenshtein.distance(a, b) / len(b)) for a, b in zip(read, truth, strict=True)])


def characters_right(read: Int[np.ndarray, "n k"], text: Int[np.ndarray, "n k"]) -> Int[np.ndarray, " n"]:
    """The number of slots in which each text has the true character."""
    return (np.asarray(read) == np.asarray(text)).sum(axis=-1)


def confusion_counts(text: Int[np.ndarray, "n k"], read: Int[np.ndarray, "n k"], classes: int) -> Int[np.ndarray, "v v"]:
    """How often each character (row) was read as each (column)."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (text, read), 1)
    return counts
