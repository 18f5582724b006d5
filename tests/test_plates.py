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
    (ALPHABET, {"x": "LLB"}, "'LLB' is not made of L (letter), N (digit), A (either)"),
    ("AB_1", {"x": "LL", "y": "LLL"}, "'_' stands for a slot without a character"),
    ("ABC", {"x": "LLN"}, "plates.layouts['x']: 'LLN' has a digit, but the alphabet 'ABC' has none"),
    ("123", {"x": "NN", "y": "LN"}, "plates.layouts['y']: 'LN' has a letter, but the alphabet '123' has none"),
    ("AB\x1b1", {"x": "LN"}, "'AB\\x1b1' has a character that cannot be seen in print"),
    ("AB 1", {"x": "LN"}, "'AB 1' has a character that cannot be seen in print"),
])  # fmt: skip
def test_a_format_that_makes_no_sense_is_refused(alphabet, layouts, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        PlateFormat.create(alphabet, layouts)


SEVERAL = PlateFormat.create("01AB", {"Long": "ANL", "Short": "VN"}, {"V": "A"})


def test_layouts_of_several_lengths_share_slots_of_which_the_last_may_be_unused():
    assert (SEVERAL.length, SEVERAL.labels) == (3, "01AB_")
    assert SEVERAL.encode("A1").tolist() == [2, 1, 4]
    assert SEVERAL.decode([2, 1, 4]) == "A1"
    assert PlateFormat.create(**SEVERAL.config()) == SEVERAL
    long, short = SEVERAL.layout_masks().astype(int).tolist()
    assert long == [[1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [0, 0, 1, 1, 0]]
    assert short == [[0, 0, 1, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 1]]


@pytest.mark.parametrize(("text", "layout", "fits"), [
    ("A1B", "Long", True),
    ("01B", "Long", True),
    ("011", "Long", False),
    ("A1", "Long", False),
    ("A1", "Short", True),
    ("B1", "Short", False),
    ("A1B", "Short", False),
    ("?1", "Short", False),
])  # fmt: skip
def test_a_text_fits_a_layout_of_its_length_with_slots_of_any_kind(text, layout, fits):
    assert SEVERAL.fits(text, layout) is fits


def test_the_lengths_that_a_text_may_have_are_named():
    with pytest.raises(ValueError, match="'A' has 1 character; expected 2 or 3"):
        SEVERAL.encode("A")


@pytest.mark.parametrize(("kinds", "named"), [
    ({"L": "AB"}, "plates.kinds: 'L' found; expected one capital letter (L, N and A mean letter, digit and either)"),
    ({"VV": "AB"}, "plates.kinds: 'VV' found; expected one capital letter"),
    ({"V": ""}, "plates.kinds['V']: '' found; expected characters of the alphabet '01AB'"),
    ({"V": "AE"}, "plates.kinds['V']: 'AE' found; expected characters of the alphabet '01AB'"),
])  # fmt: skip
def test_a_kind_of_slot_that_makes_no_sense_is_refused(kinds, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        PlateFormat.create("01AB", {"x": "LN"}, kinds)
