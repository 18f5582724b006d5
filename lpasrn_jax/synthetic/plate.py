"""Draws a plate as it leaves the press, 400 x 130 mm: one renderer a layout, and a plain one for any other layout."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from lpasrn_jax.plates import LETTER
from lpasrn_jax.synthetic.canvas import WIDTH_MM, Colour, Plate, blank, blend, fill_rectangle, px
from lpasrn_jax.synthetic.details import draw_bolts, draw_border, draw_city, draw_code, draw_film, draw_flag, draw_seal
from lpasrn_jax.synthetic.glyphs import FE, MANDATORY, Glyph
from lpasrn_jax.synthetic.typeface import Style, glyph_mask, text_mask

_GREY, _WHITE, _BLACK, _RED, _BLUE, _GREEN = (
    np.array(c, np.float32) / 255
    for c in ((196, 198, 194), (240, 241, 238), (28, 28, 30), (168, 28, 34), (22, 58, 140), (30, 110, 62))
)


@dataclasses.dataclass(frozen=True)
class Lettering:
    """Where the characters of a layout stand.

    Args:
      face: the glyphs.
      top_mm, cap_mm: upper edge and height of the characters.
      left_mm, right_mm: the centres of the first and the last character lie between these.
      gap_mm: extra distance between the first group and the rest, 0 for none.
    """

    face: Mapping[str, Glyph]
    top_mm: float
    cap_mm: float
    left_mm: float
    right_mm: float
    gap_mm: float


def draw_plate(text: str, layout: str, pattern: str, rng: np.random.Generator) -> Plate:
    """A new plate, without dirt or light.

    Args:
      text: the characters, one a slot.
      layout: `Brazilian` (grey or red, a dot between the groups), `Mercosur` (white, blue band), any other name: plain.
      pattern: the layout's pattern, `L` or `N` a slot; the dot or gap follows its first run of letters.
      rng: draws the colours, the face's proportions, the city and the positions of the bolts.

    Returns:
      float32 [h, w, 3] RGB in [0, 1].

    Raises:
      ValueError: for a character without a glyph.
    """
    return _RENDERERS.get(layout, _draw_plain)(text, pattern, rng)


def _draw_brazilian(text: str, pattern: str, rng: np.random.Generator) -> Plate:
    commercial = rng.random() < 0.12
    ground = _RED if commercial else _GREY + np.float32(rng.uniform(-0.08, 0.1))
    ink = _WHITE if commercial else _BLACK + np.float32(rng.uniform(-0.06, 0.06))
    plate = blank(ground)
    draw_border(plate, ground * rng.uniform(0.72, 0.95), inset_mm=rng.uniform(3, 6))
    if not commercial and rng.random() < 0.5:
        draw_film(plate, rng)
    draw_city(plate, ground, ink, rng)
    style = Style(
        weight=rng.uniform(0.15, 0.2),
        width=rng.uniform(0.58, 0.66),
        corner=rng.uniform(0.13, 0.24),
        slant=rng.normal(0, 0.008),
    )
    lettering = Lettering(MANDATORY, top_mm=rng.uniform(45, 49), cap_mm=63, left_mm=36, right_mm=364, gap_mm=24)
    centres = _draw_characters(plate, text, pattern, lettering, style, ink, rng)
    group = _first_group(pattern)
    if group < len(text):
        dot = (centres[group - 1] + centres[group]) / 2
        size = rng.uniform(4, 6.5)
        fill_rectangle(plate, (dot - size, 78 - size, dot + size, 78 + size), ink)
    draw_bolts(plate, rng)
    if rng.random() < 0.7:
        draw_seal(plate, rng)
    return plate


def _draw_mercosur(text: str, pattern: str, rng: np.random.Generator) -> Plate:
    ground = _WHITE - np.float32(rng.uniform(0, 0.07))
    ink = (_BLACK, _RED, _BLUE, _GREEN)[rng.choice(4, p=(0.82, 0.08, 0.05, 0.05))]
    plate = blank(ground)
    draw_border(plate, ink, inset_mm=1.5)
    band = _BLUE * rng.uniform(0.8, 1.2)
    fill_rectangle(plate, (3, 3, WIDTH_MM - 3, rng.uniform(29, 32)), band)
    style = Style(weight=0.15, width=0.75)
    blend(plate, text_mask("BRASIL", MANDATORY, style, px(14), 0.3), _WHITE, (200, 17))
    fill_rectangle(plate, (12, 8, 34, 25), _BLUE * 0.7)  # the emblem of the union
    draw_flag(plate, (364, 8, 388, 25))
    draw_code(plate, (11, 38, 31, 58), rng)
    blend(plate, text_mask("BR", MANDATORY, Style(0.17, 0.65), px(12)), _BLACK, (21, 110))
    style = Style(
        weight=rng.uniform(0.14, 0.17), width=rng.uniform(0.56, 0.62), corner=rng.uniform(0.16, 0.25), slant=rng.normal(0, 0.006)
    )
    lettering = Lettering(FE, top_mm=rng.uniform(43, 47), cap_mm=65, left_mm=58, right_mm=366, gap_mm=rng.uniform(6, 12))
    _draw_characters(plate, text, pattern, lettering, style, ink, rng)
    if rng.random() < 0.6:
        draw_bolts(plate, rng)
    return plate


def _draw_plain(text: str, pattern: str, rng: np.random.Generator) -> Plate:
    plate = blank(_WHITE - np.float32(rng.uniform(0, 0.15)))
    draw_border(plate, _BLACK, inset_mm=rng.uniform(2, 5))
    style = Style(weight=rng.uniform(0.13, 0.165), width=rng.uniform(0.56, 0.62), corner=rng.uniform(0.14, 0.25))
    lettering = Lettering(MANDATORY, top_mm=30, cap_mm=70, left_mm=36, right_mm=364, gap_mm=12)
    _draw_characters(plate, text, pattern, lettering, style, _BLACK, rng)
    return plate


_RENDERERS: dict[str, Callable[[str, str, np.random.Generator], Plate]] = {
    "Brazilian": _draw_brazilian,
    "Mercosur": _draw_mercosur,
}


def _draw_characters(
    plate: Plate, text: str, pattern: str, lettering: Lettering, style: Style, ink: Colour, rng: np.random.Generator
) -> list[float]:
    """Presses the text and returns the centre of each character, in mm."""
    group = _first_group(pattern)
    gap = lettering.gap_mm if 0 < group < len(text) else 0.0
    span = lettering.right_mm - lettering.left_mm
    pitch = min((span - gap) / max(len(text) - 1, 1), 60.0)
    left = lettering.left_mm + (span - gap - pitch * (len(text) - 1)) / 2
    widest = style.width * lettering.cap_mm
    if widest > 0.88 * pitch:  # a long text: narrower characters, the same height
        style = dataclasses.replace(style, width=0.88 * pitch / lettering.cap_mm)
    middle = lettering.top_mm + lettering.cap_mm / 2
    emboss = rng.uniform(-0.25, 0.5)
    centres = [left + i * pitch + gap * (i >= group) for i in range(len(text))]
    for character, centre in zip(text, centres, strict=True):
        mask = glyph_mask(character, lettering.face, style, px(lettering.cap_mm))
        position = (centre + rng.normal(0, 0.6), middle + rng.normal(0, 0.5))
        blend(plate, mask * abs(emboss), np.float32(emboss > 0), (position[0] + 1.2, position[1] + 1.2))  # the raised edge
        blend(plate, mask, ink, position)
    return centres


def _first_group(pattern: str) -> int:
    """Number of letters that the pattern starts with."""
    return len(pattern) - len(pattern.lstrip(LETTER))
