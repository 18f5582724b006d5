"""A plate as it leaves the press, 400 x 130 mm: one renderer per layout, and a plain one for any other layout."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from lpasrn_jax.synthetic import details
from lpasrn_jax.synthetic.canvas import WIDTH_MM, Colour, Plate, blank, blend, fill_rectangle, px
from lpasrn_jax.synthetic.glyphs import FE, MANDATORY, Glyph
from lpasrn_jax.synthetic.ranges import LetteringRanges, PlateRanges
from lpasrn_jax.synthetic.typeface import Style, glyph_mask, small_text

# Left, top, right and bottom of what characters may cover, as fractions of the plate.
TEXT_BOX = (0.025, 0.19, 0.975, 0.94)

_WHITE, _RED, _BLUE, _GREEN, _GOLD, _SILVER = (
    np.array(c, np.float32) / 255
    for c in ((238, 239, 236), (150, 30, 34), (22, 58, 140), (30, 110, 62), (180, 140, 40), (140, 142, 145))
)
_GREY_BLUE = np.float32([0.8, 1.0, 1.12])  # the hue that dark ink fades to
_FARTHEST_MM = 366.0  # between the centres of the first and the last character
_MARGIN_MM = 17.0


def draw_plate(text: str, layout: str, pattern: str, ranges: PlateRanges, rng: np.random.Generator) -> Plate:
    """A new plate, without dirt or light.

    Args:
      text: the characters, one per slot.
      layout: `Brazilian` (grey and other colours, a dot between the groups), `Mercosur` (white, blue band), or any other: plain.
      pattern: the layout's pattern, a kind per slot; the dot or gap follows its first run of one kind.
      ranges: colours, proportions and details.
      rng: draws from the ranges.

    Returns:
      float32 [h, w, 3] RGB in [0, 1].

    Raises:
      ValueError: for a character without a glyph.
    """
    return _RENDERERS.get(layout, _draw_plain)(text, pattern, ranges, rng)


def _draw_brazilian(text: str, pattern: str, ranges: PlateRanges, rng: np.random.Generator) -> Plate:
    ground, ink = _brazilian_colours(ranges, rng)
    plate = blank(ground)
    if rng.random() < ranges.film:
        details.draw_film(plate, ranges.film_strength, rng)
    details.draw_rim(plate, ground, rng)
    details.draw_city(plate, ground, ink, rng)
    row = _Row.draw(ranges.brazilian, text, pattern, rng)
    row.press(plate, MANDATORY, ground, ink, ranges, rng)
    group = _first_group(pattern)
    if 0 < group < len(text):
        dot = (row.centres_mm[group - 1] + row.centres_mm[group]) / 2 + rng.normal(0, 1)
        y, half_width, half_height = row.middle_mm + rng.normal(0, 1.5), rng.uniform(4, 6.5), rng.uniform(4, 6)
        fill_rectangle(plate, (dot - half_width, y - half_height, dot + half_width, y + half_height), ink)
    details.draw_bolts(plate, ranges.bolts, ranges.slots, rng)
    if rng.random() < ranges.seal:
        details.draw_seal(plate, rng)
    return plate


def _brazilian_colours(ranges: PlateRanges, rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Sheet and ink of a random category."""
    names, shares = zip(*ranges.brazilian_categories, strict=True)
    category = rng.choice(names, p=shares)
    dark = np.clip(ranges.ink.draw(rng) * (1 + rng.random() * (_GREY_BLUE - 1)), 0, 1).astype(np.float32)
    white = np.float32(ranges.white.draw(rng)) * np.float32([1, 1, rng.uniform(0.94, 1.02)])
    if category == "private":
        return np.float32(ranges.grey.draw(rng) * rng.uniform(0.97, 1.03, 3)), dark
    faded = np.float32(rng.uniform(0.75, 1.25))
    return {
        "commercial": (_RED * faded, white),
        "official": (white, dark),
        "learner": (white, _RED * faded),
        "collector": (dark, _SILVER * faded),
        "test": (_GREEN * faded, white),
        "diplomatic": (_BLUE * faded, white),
    }[str(category)]


def _draw_mercosur(text: str, pattern: str, ranges: PlateRanges, rng: np.random.Generator) -> Plate:
    ground = np.float32(ranges.white.draw(rng)) * np.float32([1, 1, rng.uniform(0.95, 1.02)])
    names, shares = zip(*ranges.mercosur_categories, strict=True)
    dark = np.float32(ranges.ink.draw(rng)) * (1 + rng.random() * (_GREY_BLUE - 1))
    inks = {"private": dark, "commercial": _RED, "official": _BLUE, "test": _GREEN, "diplomatic": _GOLD, "collector": _SILVER}
    ink = np.float32(inks[str(rng.choice(names, p=shares))])
    plate = blank(ground)
    if rng.random() < ranges.film:
        details.draw_film(plate, ranges.film_strength, rng)
    _draw_band(plate, rng)
    details.draw_code(plate, (11, 38, 31, 58), rng)
    blend(plate, small_text("BR", px(12)), np.float32(0.1), (21, 110))
    row = _Row.draw(ranges.mercosur, text, pattern, rng)
    # The standard's shapes were known here from descriptions alone: some are replaced by plainer ones.
    plain = {c: MANDATORY[c] for c in text if rng.random() < ranges.plain_shapes and c not in "1I"}
    row.press(plate, {**FE, **plain}, ground, ink, ranges, rng)
    if rng.random() < 0.6:
        details.draw_bolts(plate, ranges.bolts, 0.3, rng)
    return plate


def _draw_band(plate: Plate, rng: np.random.Generator) -> None:
    """The blue band: the union's emblem, the country's name and its flag."""
    blue = _BLUE * rng.uniform(0.75, 1.3, 3).astype(np.float32)
    inset = rng.uniform(0, 3)
    bottom = rng.uniform(28, 33)
    fill_rectangle(plate, (inset, inset, WIDTH_MM - inset, bottom), blue)
    name = small_text("BRASIL", px(rng.uniform(12, 16)))
    name = cv2.resize(name, (px(rng.uniform(62, 95)), name.shape[0]), interpolation=cv2.INTER_AREA)
    blend(plate, name, np.float32(rng.uniform(0.8, 1)), (200 + rng.normal(0, 4), bottom / 2 + 1))
    emblem = np.float32([[0.2, 0.35, 0.7], [0.75, 0.8, 0.85], [0.15, 0.5, 0.4]])[rng.integers(3)]
    fill_rectangle(plate, (12, 7, rng.uniform(28, 38), 25), emblem)
    left = rng.uniform(358, 366)
    details.draw_flag(plate, (left, 7, left + 25, 25))


def _draw_plain(text: str, pattern: str, ranges: PlateRanges, rng: np.random.Generator) -> Plate:
    ground = np.float32(ranges.grey.draw(rng) * rng.uniform(0.95, 1.05, 3))
    ink = np.float32(ranges.ink.draw(rng))
    plate = blank(ground)
    details.draw_border(plate, ink, inset_mm=int(rng.integers(2, 5)))
    _Row.draw(ranges.plain, text, pattern, rng).press(plate, MANDATORY, ground, ink, ranges, rng)
    return plate


_RENDERERS: dict[str, Callable[[str, str, PlateRanges, np.random.Generator], Plate]] = {
    "Brazilian": _draw_brazilian,
    "Mercosur": _draw_mercosur,
}


@dataclasses.dataclass(frozen=True)
class _Row:
    """A row of characters: their style and where they stand."""

    text: str
    style: Style
    cap_mm: float
    middle_mm: float
    centres_mm: list[float]

    @classmethod
    def draw(cls, ranges: LetteringRanges, text: str, pattern: str, rng: np.random.Generator) -> _Row:
        cap = ranges.cap_mm.draw(rng)
        style = Style(ranges.weight.draw(rng), ranges.width.draw(rng), ranges.corner.draw(rng), ranges.slant.signed(rng))
        pitch, group_pitch = ranges.pitch.draw(rng) * cap, ranges.group_pitch.draw(rng) * cap
        group = _first_group(pattern)
        steps = np.full(max(len(text) - 1, 0), pitch)
        if 0 < group < len(text):
            steps[group - 1] = group_pitch
        room = _FARTHEST_MM - style.width * cap
        squeeze = min(1.0, room / max(steps.sum(), 1e-6))
        if squeeze < 1:  # a long text: narrower characters, the same height
            steps *= squeeze
            style = dataclasses.replace(style, width=min(style.width, 0.88 * squeeze * pitch / cap))
        reach = steps.sum() / 2 + style.width * cap / 2 * 1.1
        centre = np.clip(ranges.centre_mm.draw(rng), *sorted((_MARGIN_MM + reach, WIDTH_MM - _MARGIN_MM - reach)))
        centres = centre - steps.sum() / 2 + np.concatenate([[0.0], np.cumsum(steps)])
        return cls(text, style, cap, ranges.top_mm.draw(rng) + cap / 2, centres[: len(text)].tolist())

    def press(
        self, plate: Plate, face: Mapping[str, Glyph], ground: Colour, ink: Colour, ranges: PlateRanges, rng: np.random.Generator
    ) -> None:
        """Presses the characters into the sheet: an edge in the light, one in shadow, and the ink."""
        mask = np.zeros((*plate.shape[:2], 1), np.float32)
        for character, centre in zip(self.text, self.centres_mm, strict=True):
            x, y = centre + ranges.place_mm.signed(rng), self.middle_mm + ranges.place_mm.signed(rng)
            blend(mask, glyph_mask(character, face, self.style, px(self.cap_mm)), np.float32(1), (x, y))
        reach = self.cap_mm / 2 + ranges.place_mm.high + 4
        rows = np.s_[max(px(self.middle_mm - reach), 0) : px(self.middle_mm + reach)]
        mask, sheet = mask[rows], plate[rows]
        strength, side = np.float32(ranges.emboss.draw(rng)), int(rng.choice((-1, 1)))
        sheet += strength * np.roll(mask, (1, side), (0, 1)) * (1 - sheet)
        sheet += np.float32(0.6) * strength * np.roll(mask, (-1, -side), (0, 1)) * (ground * np.float32(0.5) - sheet)
        sheet += mask * (np.clip(ink, 0, 1) - sheet)


def _first_group(pattern: str) -> int:
    """Number of slots of one kind that the pattern starts with."""
    return len(pattern) - len(pattern.lstrip(pattern[0]))
