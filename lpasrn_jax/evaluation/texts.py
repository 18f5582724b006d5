"""How right texts are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int


def edit_distance(a: str, b: str) -> int:
    """The fewest insertions, deletions and substitutions of a character that make `a` into `b` (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, of_a in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, of_b in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(diagonal + (of_a != of_b), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def edit_accuracy(read: Sequence[str], truth: Sequence[str]) -> Float[np.ndarray, " n"]:
    """1 - edit distance / length of the true text, at least 0: missing and surplus characters count as errors too.

    Raises:
      ValueError: for an empty true text, or another number of texts.
    """
    if not all(truth):
        raise ValueError("truth: an empty text found; expected at least one character in each")
    return np.array([max(0.0, 1 - edit_distance(a, b) / len(b)) for a, b in zip(read, truth, strict=True)])


def characters_right(read: Int[np.ndarray, "n k"], text: Int[np.ndarray, "n k"]) -> Int[np.ndarray, " n"]:
    """In how many of its k slots each text has the true character."""
    return (np.asarray(read) == np.asarray(text)).sum(axis=-1)


def confusion_counts(text: Int[np.ndarray, "n k"], read: Int[np.ndarray, "n k"], classes: int) -> Int[np.ndarray, "v v"]:
    """How often each character (row) was read as each (column)."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (text, read), 1)
    return counts
