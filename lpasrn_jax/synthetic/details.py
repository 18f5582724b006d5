"""What a plate carries beside its characters: rim, city strip, bolts, slots, seal, flag, code and film.

Each function paints on a canvas (`canvas.Plate`) in place.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from lpasrn_jax.plates import LETTERS
from lpasrn_jax.synthetic.canvas import (
    HEIGHT,
    HEIGHT_MM,
    PIXELS_PER_MM,
    WIDTH,
    WIDTH_MM,
    Box,
    Colour,
    Plate,
    blend,
    fill_circle,
    fill_rectangle,
    px,
    rounded_rectangle,
)
from lpasrn_jax.synthetic.ranges import Range
from lpasrn_jax.synthetic.typeface import small_text

_LETTERS = list(LETTERS)
BOLTS_X_MM = (118.0, 285.0)
_SEALS = np.float32([[0.8, 0.13, 0.12], [0.85, 0.5, 0.45], [0.85, 0.78, 0.15], [0.12, 0.3, 0.26], [0.5, 0.1, 0.12]])
_SEAL_SHARES = (0.45, 0.25, 0.12, 0.1, 0.08)


def draw_rim(plate: Plate, ground: Colour, rng: np.random.Generator) -> None:
    """The pressed edge of the sheet: a line of light and one of shadow beside it."""
    inset = int(rng.integers(3, 7))
    for offset, shade in ((0, rng.uniform(0.8, 1.15)), (2, rng.uniform(0.7, 1.05))):
        draw_border(plate, np.float32(ground * shade), inset + offset, width_mm=2)


def draw_border(plate: Plate, colour: Colour, inset_mm: int, width_mm: int = 3) -> None:
    """A line along the outline."""
    rows, columns, coverage = _border(inset_mm, width_mm)
    plate[rows, columns] += coverage * (np.clip(colour, 0, 1) - plate[rows, columns])


@functools.lru_cache(32)
def _border(inset_mm: int, width_mm: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and coverage [n, 1] of the pixels that a line along the outline covers."""
    outer, inner = (
        rounded_rectangle((inset, inset, WIDTH_MM - inset, HEIGHT_MM - inset), radius)
        for inset, radius in ((inset_mm, 12), (inset_mm + width_mm, 10))
    )
    coverage = outer - inner
    rows, columns = np.nonzero(coverage)
    return rows, columns, coverage[rows, columns, None]


def draw_city(plate: Plate, ground: Colour, ink: Colour, rng: np.random.Generator) -> None:
    """The strip above the characters: a thin dark edge, a rivet at each end, and state and city, here random letters."""
    left, right = rng.uniform(66, 78), rng.uniform(358, 380)
    top = rng.uniform(17, 22)
    bottom = top + rng.uniform(17, 21)
    fill_rectangle(plate, (left, top, right, bottom), ground * rng.uniform(0.6, 0.95))
    fill_rectangle(plate, (left + 1.25, top + 1.25, right - 1.25, bottom - 1.25), ground * rng.uniform(0.92, 1.12))
    for x in (left + rng.uniform(6, 12), right - rng.uniform(6, 12)):
        if rng.random() < 0.8:
            fill_circle(
                plate, (x, (top + bottom) / 2 + rng.uniform(-1, 4)), rng.uniform(1.6, 3), ink + np.float32(rng.uniform(0, 0.3))
            )
    state, *words = ("".join(rng.choice(_LETTERS, n)) for n in (2, *rng.integers(2, 9, rng.integers(1, 4))))
    text = f"{state}-{' '.join(words)}"[:22]
    mask = small_text(text, px(rng.uniform(11, 15)))
    widest = px(min(right - left - 30, len(text) * rng.uniform(9, 13.5)))
    mask = cv2.resize(mask, (widest, mask.shape[0]), interpolation=cv2.INTER_AREA)
    blend(plate, mask * rng.uniform(0.6, 1), ink, (rng.uniform(200, 232), (top + bottom) / 2))
    if rng.random() < 0.4:  # the maker's code between the bolts
        code = (rng.random((1, 24)) < 0.6).astype(np.float32) * rng.uniform(0.2, 0.7)
        blend(plate, cv2.resize(code, (px(80), px(5))), ink, (205 + rng.normal(0, 3), 11 + rng.normal(0, 1)))


def draw_bolts(plate: Plate, bolts: float, slots: float, rng: np.random.Generator) -> None:
    """Round bolts in the upper holes and slots below, each there with the probability given."""
    shade = rng.uniform(0.05, 0.75)
    rust = np.float32([shade, shade * rng.uniform(0.7, 1), shade * rng.uniform(0.5, 1)])
    for x in BOLTS_X_MM:
        x += rng.normal(0, 3)
        if rng.random() < bolts:
            fill_circle(plate, (x, rng.normal(11, 1)), rng.uniform(4, 7.5), rust * 0.5)
            fill_circle(plate, (x, rng.normal(11, 1)), rng.uniform(2.5, 4.5), rust)
        if rng.random() < slots:
            y, half = rng.normal(116.5, 1.2), rng.uniform(6.5, 9)
            dark = np.float32(rng.uniform(0, 0.12))
            fill_rectangle(plate, (x - half + 2, y - 2.5, x + half - 2, y + 2.5), dark)
            fill_circle(plate, (x - half + 2, y), 2.5, dark)
            fill_circle(plate, (x + half - 2, y), 2.5, dark)


def draw_seal(plate: Plate, rng: np.random.Generator) -> None:
    """The ragged plastic seal at the upper left, and the wire that holds it."""
    colour = _SEALS[rng.choice(len(_SEALS), p=_SEAL_SHARES)] * rng.uniform(0.7, 1.1)
    x, y = 50 + rng.normal(0, 4), 25 + rng.normal(0, 3)
    fill_rectangle(plate, (x - rng.uniform(16, 28), y - 0.8, x + rng.uniform(12, 24), y + 0.8), np.float32(rng.uniform(0.1, 0.4)))
    size = rng.uniform(7, 13)
    angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    radii = size * rng.uniform(0.65, 1.1, 10)
    points = np.stack([x + radii * np.cos(angles), y + 0.85 * radii * np.sin(angles)], 1) * PIXELS_PER_MM
    cv2.fillPoly(plate, [np.round(points * 16).astype(np.int32)], [float(c) for c in colour], cv2.LINE_AA, 4)


def draw_flag(plate: Plate, box_mm: Box) -> None:
    x0, y0, x1, y1 = box_mm
    centre = ((x0 + x1) / 2, (y0 + y1) / 2)
    fill_rectangle(plate, box_mm, np.float32([0.1, 0.55, 0.25]))
    diamond = np.array([(x0 + 2, centre[1]), (centre[0], y0 + 2), (x1 - 2, centre[1]), (centre[0], y1 - 2)])
    cv2.fillConvexPoly(plate, np.round(diamond * PIXELS_PER_MM).astype(np.int32), (0.95, 0.85, 0.2))
    fill_circle(plate, centre, 4, np.float32([0.09, 0.23, 0.55]))


def draw_code(plate: Plate, box_mm: Box, rng: np.random.Generator) -> None:
    """A block of random modules in place of the QR code."""
    modules = (rng.random((11, 11)) < 0.5).astype(np.float32)
    side = px(box_mm[2] - box_mm[0])
    mask = cv2.resize(modules, (side, side), interpolation=cv2.INTER_NEAREST)
    blend(plate, mask, np.float32(0.1), ((box_mm[0] + box_mm[2]) / 2, (box_mm[1] + box_mm[3]) / 2))


def draw_film(plate: Plate, strength: Range, rng: np.random.Generator) -> None:
    """The pattern of the retroreflective film: iridescent squares, bands, or a mesh of fine lines."""
    kind = rng.choice(("squares", "bands", "mesh"), p=(0.45, 0.3, 0.25))
    depth = strength.draw(rng)
    if kind == "squares":
        shape = (int(rng.integers(8, 20)), int(rng.integers(24, 60)))
        cells = depth * (0.7 * rng.standard_normal((*shape, 1)) + 0.4 * rng.standard_normal((*shape, 3)))
        pattern = cv2.resize(cells.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    elif kind == "bands":
        bands = depth * np.sin(np.linspace(0, rng.uniform(12, 40), HEIGHT) + rng.uniform(0, 6)) * 1.5
        reach = np.clip(np.linspace(0, rng.uniform(1, 4), WIDTH), 0, 1)[:: rng.choice((-1, 1))]
        pattern = (bands[:, None] * reach).astype(np.float32)[..., None]
    else:
        x, y = np.arange(WIDTH), np.arange(HEIGHT)[:, None]
        period, slope = rng.uniform(4, 9), rng.uniform(0.5, 1.5)
        lines = ((x + slope * y) % period < 1) | ((x - slope * y) % period < 1)
        pattern = -2 * depth * lines.astype(np.float32)[..., None]
    plate += pattern
    np.clip(plate, 0, 1, out=plate)
