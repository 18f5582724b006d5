"""Figures of texts, worked out by hand."""

import numpy as np
import pytest

from lpasrn_jax.evaluation import texts


def test_missing_and_surplus_characters_count():
    """One wrong, one missing, one surplus, shifted by one (two edits; by slots all seven are wrong), nothing, far too much."""
    read = ["ABC1235", "ABC123", "ABC12334", "BC12345", "", "X" * 20]
    assert texts.edit_accuracy(read, ["ABC1234"] * 6) == pytest.approx([6 / 7, 6 / 7, 6 / 7, 5 / 7, 0, 0])


@pytest.mark.parametrize("truth", [["ABC", ""], ["ABC"]])
def test_texts_that_cannot_be_compared(truth):
    with pytest.raises(ValueError, match=r"empty text|zip\(\)"):
        texts.edit_accuracy(["A", "B"], truth)


def test_characters_right_and_confusions():
    text, read = np.array([[0, 1, 2], [2, 2, 2]]), np.array([[0, 2, 1], [2, 0, 2]])
    assert texts.characters_right(read, text).tolist() == [1, 2]
    assert texts.confusion_counts(text, read, 3).tolist() == [[1, 0, 0], [0, 0, 1], [1, 1, 2]]
