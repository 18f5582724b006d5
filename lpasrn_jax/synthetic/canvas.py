"""A plate as a canvas, measured in millimetres: the few shapes that plates are made of.

A canvas is float32 RGB [HEIGHT, WIDTH, 3] in [0, 1], which the functions change in place; the origin is the upper left corner.
"""

from __future__ import annotations

import functools

import numpy as np
from jaxtyping import Float

PIXELS_PER_MM = 0.8
WIDTH_MM, HEIGHT_MM = 400.0, 130.0
WIDTH, HEIGHT = round(WIDTH_MM * PIXELS_PER_MM), round(HEIGHT_MM * PIXELS_PER_MM)

Plate = Float[np.ndarray, "h w _"]
Colour = Float[np.ndarray, "3"] | np.float32  # or a grey
Box = tuple[float, float, float, float]  # left, top, right, bottom
Point = tuple[float, float]  # x, y


def px(mm: float) -> int:
    """A length in whole pixels."""
    return round(mm * PIXELS_PER_MM)


def blank(colour: Colour) -> Plate:
    """A plate of one colour."""
    return np.tile(np.broadcast_to(np.float32(np.clip(colour, 0, 1)), 3), (HEIGHT, WIDTH, 1))


@functools.lru_cache(256)
def rounded_rectangle(box_mm: Box, radius_mm: float) -> Float[np.ndarray, "h w"]:
    """Coverage [HEIGHT, WIDTH] of a rectangle with round corners, from its signed distance; cached, so not to be changed."""
    x0, y0, x1, y1 = box_mm
    x = (np.arange(WIDTH, dtype=np.float32) + 0.5) / PIXELS_PER_MM
    y = (np.arange(HEIGHT, dtype=np.float32)[:, None] + 0.5) / PIXELS_PER_MM
    dx = np.maximum(np.abs(x - (x0 + x1) / 2) - (x1 - x0) / 2 + radius_mm, 0)
    dy = np.maximum(np.abs(y - (y0 + y1) / 2) - (y1 - y0) / 2 + radius_mm, 0)
    return np.clip((radius_mm - np.hypot(dx, dy)) * PIXELS_PER_MM + 0.5, 0, 1)


def fill_rectangle(plate: Plate, box_mm: Box, colour: Colour) -> None:
    """Paints a rectangle, to the nearest pixel."""
    x0, y0, x1, y1 = (px(v) for v in box_mm)
    plate[max(y0, 0) : y1, max(x0, 0) : x1] = np.clip(colour, 0, 1)


def fill_circle(plate: Plate, centre_mm: Point, radius_mm: float, colour: Colour) -> None:
    """Paints a disc with a smooth edge."""
    r = px(radius_mm)
    y, x = np.mgrid[-r : r + 1, -r : r + 1]
    blend(plate, np.clip(r - np.hypot(x, y) + 0.5, 0, 1), colour, centre_mm)


def blend(plate: Plate, mask: Float[np.ndarray, "mh mw"], colour: Colour, centre_mm: Point) -> None:
    """Paints `colour` through a mask, centred at a point; what hangs over the edge is cut off."""
    h, w = mask.shape
    x, y = round(centre_mm[0] * PIXELS_PER_MM - w / 2), round(centre_mm[1] * PIXELS_PER_MM - h / 2)
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, WIDTH), min(y + h, HEIGHT)
    if x0 >= x1 or y0 >= y1:
        return
    target = plate[y0:y1, x0:x1]
    target += mask[y0 - y : y1 - y, x0 - x : x1 - x, None] * (np.clip(colour, 0, 1) - target)
