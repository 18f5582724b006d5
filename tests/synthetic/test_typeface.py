import itertools

import cv2
import numpy as np
import pytest

from lpasrn_jax.plates import ALPHABET
from lpasrn_jax.synthetic.glyphs import FE, MANDATORY
from lpasrn_jax.synthetic.typeface import Style, glyph_mask, small_text

STYLES = [Style(), Style(weight=0.2, width=0.67, corner=0.1), Style(weight=0.155, width=0.62, corner=0.16, slant=0.02)]
FE_STYLES = [Style(0.15, 0.58, 0.2), Style(0.18, 0.63, 0.16), Style(0.13, 0.54, 0.25, 0.02)]
# One shape on the older plates, or nearly so; the layout tells them apart.
SAME = {frozenset("1I"), frozenset("0O")}


def blurred(character, face, style, height=48):
    """The glyph in the middle of a canvas, as a lens sees it that spreads a point over a tenth of the cap height."""
    mask = glyph_mask(character, face, style, height)
    spare = 72 - mask.shape[1]
    return cv2.GaussianBlur(np.pad(mask, ((12, 12), (spare // 2, spare - spare // 2))), (0, 0), height / 10)


@pytest.mark.parametrize(("face", "style"), [(MANDATORY, s) for s in STYLES] + [(FE, s) for s in FE_STYLES])
def test_characters_stay_different_under_blur(face, style):
    images = {c: blurred(c, face, style) for c in ALPHABET}
    for a, b in itertools.combinations(ALPHABET, 2):
        if face is MANDATORY and {a, b} in SAME:
            continue
        difference = np.abs(images[a] - images[b]).sum() / max(images[a].sum(), images[b].sum())
        assert difference > 0.03, (a, b)


def test_mandatory_one_is_the_letter_i():
    np.testing.assert_array_equal(glyph_mask("1", MANDATORY, Style(), 60), glyph_mask("I", MANDATORY, Style(), 60))


@pytest.mark.parametrize("face", [MANDATORY, FE], ids=["mandatory", "fe"])
def test_ink_fills_the_box_of_every_character(face):
    for character in ALPHABET:
        mask = glyph_mask(character, face, Style(), 60)
        assert mask.shape[0] == 60
        assert mask.dtype == np.float32
        assert mask.min() >= 0
        assert mask[[0, -1]].max(axis=1).min() == 1, f"{character} reaches both the top and the bottom"
        assert mask[:, :4].max() > 0.5, character
        assert mask[:, -4:].max() > 0.5, character


def test_edges_are_antialiased():
    mask = glyph_mask("O", MANDATORY, Style(), 20)
    assert ((mask > 0.1) & (mask < 0.9)).sum() > 10


def test_weight_width_slant_change_the_glyph():
    plain = glyph_mask("H", MANDATORY, Style(), 60)
    assert glyph_mask("H", MANDATORY, Style(weight=0.21), 60).sum() > 1.1 * plain.sum()
    assert glyph_mask("H", MANDATORY, Style(width=0.7), 60).shape[1] > plain.shape[1]
    leaning = glyph_mask("I", MANDATORY, Style(slant=0.3), 60)
    top, bottom = leaning[5].argmax(), leaning[-5].argmax()
    assert top - bottom == pytest.approx(0.3 * 50, abs=2)


def test_corner_radius_rounds_the_zero():
    square, round_ = (glyph_mask("0", MANDATORY, Style(corner=corner), 60)[:6, :6].sum() for corner in (0.05, 0.25))
    assert round_ < square


def test_small_text_is_its_glyphs_and_gaps():
    style = Style(weight=0.2, width=0.62)
    widths = [glyph_mask(c, MANDATORY, style, 50).shape[1] for c in "AB"]
    mask = small_text("A B", 50)
    assert mask.shape == (50, sum(widths) + 12 + 2 * 11)
    np.testing.assert_array_equal(mask[:, : widths[0]], glyph_mask("A", MANDATORY, style, 50))


def test_unknown_character_is_named():
    with pytest.raises(ValueError, match="'Ç' has no glyph"):
        glyph_mask("Ç", MANDATORY, Style(), 20)
