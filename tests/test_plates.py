"""Texts, layouts and class indices."""

import re

import numpy as np
import pytest

from lpasrn_jax.plates import ALPHABET, BRAZIL, PlateFormat


def test_encode_is_the_inverse_of_decode():
    classes = BRAZIL.encode("ABC1D23")
    assert classes.dtype == np.int32
    assert classes.tolist() == [10, 11, 12, 1, 13, 2, 3]
    assert BRAZIL.decode(classes) == "ABC1D23"


@pytest.mark.parametrize(
    ("text", "reason"), [("ABC123", "6 characters"), ("ABC12345", "8 characters"), ("ABC-123", "'-'"), ("abc1234", "'a'")]
)
def test_encode_names_what_does_not_fit(text, reason):
    with pytest.raises(ValueError, match=reason):
        BRAZIL.encode(text)


@pytest.mark.parametrize(("text", "layout", "fits"), [
    ("ABC1234", "Brazilian", True),
    ("ABC1D23", "Brazilian", False),
    ("ABC1D23", "Mercosur", True),
    ("ABC1234", "Mercosur", False),
    ("1BC1234", "Brazilian", False),
])  # fmt: skip
def test_a_text_fits_the_layout_whose_kinds_it_has(text, layout, fits):
    assert BRAZIL.fits(text, layout) is fits


def test_layout_masks_allow_ten_digits_or_twenty_six_letters():
    masks = BRAZIL.layout_masks()
    assert masks.shape == (2, 7, 36)
    assert masks.sum(axis=-1).tolist() == [[26, 26, 26, 10, 10, 10, 10], [26, 26, 26, 10, 26, 10, 10]]


def test_unknown_layout_lists_the_known():
    with pytest.raises(ValueError, match="'German'.*Brazilian, Mercosur"):
        BRAZIL.layout_index("German")


def test_another_alphabet_and_length():
    plates = PlateFormat.create("01AB", {"Tiny": "LN"})
    assert plates.length == 2
    assert PlateFormat.create(**plates.config()) == plates
    assert plates.encode("B0").tolist() == [3, 0]
    assert plates.layout_masks().tolist() == [[[False, False, True, True], [True, True, False, False]]]


@pytest.mark.parametrize(("alphabet", "layouts", "named"), [
    ("AAB", {"x": "L"}, "plates.alphabet"),
    ("", {"x": "L"}, "plates.alphabet"),
    (ALPHABET, {}, "plates.layouts"),
    (ALPHABET, {"x": "LLX"}, "'x'"),
    (ALPHABET, {"x": "LL", "y": "LLL"}, "different lengths"),
    ("ABC", {"x": "LLN"}, "plates.layouts['x']: 'LLN' has a digit, but the alphabet 'ABC' has none"),
    ("123", {"x": "NN", "y": "LN"}, "plates.layouts['y']: 'LN' has a letter, but the alphabet '123' has none"),
    ("AB\x1b1", {"x": "LN"}, "'AB\\x1b1' has a character that cannot be seen in print"),
    ("AB 1", {"x": "LN"}, "'AB 1' has a character that cannot be seen in print"),
])  # fmt: skip
def test_a_format_that_makes_no_sense_is_refused(alphabet, layouts, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        PlateFormat.create(alphabet, layouts)
