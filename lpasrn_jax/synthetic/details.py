"""What a plate carries beside its characters: border, city strip, bolts, seal, flag, code and film.

Each function paints on a canvas (`canvas.Plate`) in place.
"""

from __future__ import annotations

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
from lpasrn_jax.synthetic.glyphs import MANDATORY
from lpasrn_jax.synthetic.typeface import Style, text_mask


def draw_city(plate: Plate, ground: Colour, ink: Colour, rng: np.random.Generator) -> None:
    """The strip above the characters: two letters of the state and the name of a city, here random letters."""
    fill_rectangle(plate, (52, 20, 372, 42), ground * rng.uniform(0.8, 1.0))
    fill_rectangle(plate, (54, 21.5, 370, 40.5), np.minimum(ground * rng.uniform(0.95, 1.1), 1))
    words = ["".join(rng.choice(list(LETTERS), rng.integers(3, 9))) for _ in range(rng.integers(1, 3))]
    state = "".join(rng.choice(list(LETTERS), 2))
    mask = text_mask(f"{state}-{' '.join(words)}", MANDATORY, Style(0.17, 0.6), px(13), rng.uniform(0.15, 0.35))
    widest = px(300)
    if mask.shape[1] > widest:
        mask = cv2.resize(mask, (widest, mask.shape[0]), interpolation=cv2.INTER_AREA)
    blend(plate, mask * rng.uniform(0.6, 1), ink, (rng.uniform(195, 225), 31))


def draw_border(plate: Plate, colour: Colour, inset_mm: float) -> None:
    outer = rounded_rectangle((inset_mm, inset_mm, WIDTH_MM - inset_mm, HEIGHT_MM - inset_mm), 10)
    inset_mm += 2.5
    inner = rounded_rectangle((inset_mm, inset_mm, WIDTH_MM - inset_mm, HEIGHT_MM - inset_mm), 8)
    blend(plate, outer * (1 - inner), colour, (WIDTH_MM / 2, HEIGHT_MM / 2))


def draw_bolts(plate: Plate, rng: np.random.Generator) -> None:
    """Round bolts in the two upper holes, slots below; each may be missing."""
    shade = rng.uniform(0.05, 0.6)
    for x in (112 + rng.normal(0, 3), 285 + rng.normal(0, 3)):
        if rng.random() < 0.8:
            fill_circle(plate, (x, 10), rng.uniform(3.5, 7), np.float32([shade, shade * 0.92, shade * 0.85]))
        if rng.random() < 0.7:
            fill_rectangle(plate, (x - 8, 115.5, x + 8, 120.5), np.float32(shade * 0.4))


def draw_seal(plate: Plate, rng: np.random.Generator) -> None:
    """The lead or plastic seal at the upper left."""
    colours = np.float32([[0.75, 0.12, 0.12], [0.8, 0.75, 0.15], [0.12, 0.2, 0.22], [0.85, 0.6, 0.5]])
    x, y = 42 + rng.normal(0, 3), 19 + rng.normal(0, 2)
    fill_circle(plate, (x, y), rng.uniform(6, 10), colours[rng.integers(len(colours))])
    fill_rectangle(plate, (x - 18, y - 1, x + 18, y + 1), np.float32(0.2))


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


def draw_film(plate: Plate, rng: np.random.Generator) -> None:
    """The faint squares of the retroreflective film."""
    cells = rng.normal(0, rng.uniform(0.01, 0.06), (int(rng.integers(8, 20)), int(rng.integers(24, 60)), 3)).astype(np.float32)
    cells = 0.6 * cells.mean(2, keepdims=True) + 0.4 * cells
    plate += cv2.resize(cells, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    np.clip(plate, 0, 1, out=plate)
