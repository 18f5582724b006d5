"""A plate out of a photograph: by a box around it, or upright by its four corners."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import MIN_SIDE, frame_array

BOX = "(x, y, width, height) in pixels"
CORNERS = "[(x, y) x 4] in pixels: top-left, top-right, bottom-right and bottom-left of the plate"
OUTSIDE = 1.0  # pixels that a corner may lie outside its image, as those that a person marks do

RGB = UInt8[np.ndarray, "h w 3"]
Plate = UInt8[np.ndarray, "ph pw 3"]


class Region(NamedTuple):
    """Where the plate is in its image: `box` is (x, y, width, height), `corners` the (x, y) of its top-left, top-right,
    bottom-right and bottom-left, both in pixels; with neither it fills the image."""

    box: Sequence[float] | None = None
    corners: Sequence[Sequence[float]] | None = None

    def cut(self, image: RGB, name: str = "image") -> Plate:
        """The plate, upright where its corners are known; the image itself where neither is given.

        A box that reaches over the edge is cut there.

        Args:
          image: the photograph.
          name: what errors call it.

        Raises:
          UserError: for both a box and corners, for what is neither, and for a plate that is not in the image.
        """
        if self.box is not None and self.corners is not None:
            raise UserError("box, corners: both found; expected one of them, or neither where the plate fills the image")
        if self.box is not None:
            return _cut_box(image, _numbers("box", self.box, (4,), BOX), name)
        if self.corners is not None:
            return _cut_corners(image, _numbers("corners", self.corners, (4, 2), CORNERS), name)
        return image


def _numbers(argument: str, value: Any, shape: tuple[int, ...], expected: str) -> Float[np.ndarray, "*dims"]:
    try:
        numbers = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.empty(0)
    if numbers.shape != shape or not np.isfinite(numbers).all():
        raise UserError(f"{argument}: {value!r} found; expected {expected}")
    return numbers


def _cut_box(image: RGB, box: Float[np.ndarray, " 4"], name: str) -> Plate:
    h, w, _ = image.shape
    x, y, width, height = box
    left, right = (round(min(max(edge, 0), w)) for edge in (x, x + width))
    top, bottom = (round(min(max(edge, 0), h)) for edge in (y, y + height))
    if right - left < MIN_SIDE or bottom - top < MIN_SIDE:
        raise UserError(
            f"box: {x:g}, {y:g}, {width:g}, {height:g} leaves {max(0, right - left)} x {max(0, bottom - top)} pixels of {name}, "
            f"which has {w} x {h}; expected at least {MIN_SIDE} x {MIN_SIDE}"
        )
    return np.ascontiguousarray(image[top:bottom, left:right])


def _cut_corners(image: RGB, corners: Float[np.ndarray, "4 2"], name: str) -> Plate:
    h, w, _ = image.shape
    shown = ", ".join(f"({x:g}, {y:g})" for x, y in corners)
    if (corners < -0.5 - OUTSIDE).any() or (corners > np.array([w, h]) - 0.5 + OUTSIDE).any():
        raise UserError(f"corners: {shown} are not all in {name}, which has {w} x {h} pixels")
    edges = np.roll(corners, -1, axis=0) - corners
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]  # positive for a turn to the right, y being down
    if not (turns > 0).all() or edges[0, 0] <= 0:
        raise UserError(f"corners: {shown} do not go around a plate; expected {CORNERS}")
    top, right, bottom, left = (math.hypot(*edge) for edge in edges)
    size = round(max(left, right)), round(max(top, bottom))
    if min(size) < MIN_SIDE:
        raise UserError(f"corners: {shown} hold {size[1]} x {size[0]} pixels; expected at least {MIN_SIDE} x {MIN_SIDE}")
    return frame_array(image, np.float32(corners), size)
