"""A track's annotations.json: text, layout and corners, each checked before anything is built on it."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import PlateFormat

FILE_NAME = "annotations.json"
CORNERS = ("top-left", "top-right", "bottom-right", "bottom-left")
# An annotator clicks on a border pixel, or just past it: corners may lie this far, in pixels, beyond the image's outer edge.
CORNER_MARGIN = 1.0
MIN_AREA = 1.0  # square pixels


@dataclasses.dataclass(frozen=True)
class Annotations:
    """Annotations of a track. `corners` maps a frame's file name to its corners; a frame without corners is left out."""

    text: str
    layout: str
    corners: Mapping[str, Float[np.ndarray, "4 2"]]


def parse_annotations(encoded: bytes, plate_format: PlateFormat, folder_layout: str | None) -> Annotations:
    """The checked content of an annotations.json.

    Text is upper-cased, unless the alphabet has lower-case letters of its own.

    Args:
      encoded: the file's bytes.
      plate_format: the texts and layouts that may occur.
      folder_layout: the layout named by the folders above the track, used if `plate_layout` is missing.

    Raises:
      UserError: for the first error.
    """
    content = _parse_json(encoded)
    text = _parse_text(content, plate_format)
    layout = _parse_layout(content, plate_format, folder_layout)
    if not plate_format.fits(text, layout):
        raise UserError(
            f"{FILE_NAME}: plate_text {text!r} contradicts plate_layout {layout!r}, which is {dict(plate_format.layouts)[layout]}"
        )
    corners = content.get("corners") or {}
    if not isinstance(corners, dict):
        raise UserError(f"{FILE_NAME}: corners is a {type(corners).__name__}; expected an object with a frame's file name as key")
    # A frame without corners may be written as null or {}, or left out.
    return Annotations(text, layout, {name: _parse_corners(name, points) for name, points in corners.items() if points})


def check_corners(corners: Float[np.ndarray, "4 2"], image_size: tuple[int, int]) -> None:
    """Checks that corners outline a plate inside an image of that (height, width).

    Raises:
      UserError: for corners outside the image, mirrored or turned, without area, or of an outline that is not convex.
    """
    h, w = image_size
    low, high = -0.5 - CORNER_MARGIN, np.array([w, h]) - 0.5 + CORNER_MARGIN
    if (corners < low).any() or (corners > high).any():
        x, y = corners[((corners < low) | (corners > high)).any(axis=1)][0]
        raise UserError(f"corner ({x:g}, {y:g}) is outside the image of {w} x {h} pixels")
    edges = np.roll(corners, -1, axis=0) - corners
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]  # positive: clockwise, as y points down
    x, y = corners.T
    area = 0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)
    top_left, top_right, bottom_right, bottom_left = corners
    winds_one_way = (turns >= 0).all() or (turns <= 0).all()
    if winds_one_way and abs(area) < MIN_AREA:
        raise UserError(f"corners enclose {abs(area):g} square pixels; expected a plate's outline")
    if (turns < 0).all() or ((turns > 0).all() and not (top_left + bottom_left)[0] < (top_right + bottom_right)[0]):
        raise UserError("corners are mirrored or turned; expected top-left and so on as one sees them")
    if not (turns > 0).all():
        raise UserError("corners are not convex: two sides cross, or a corner points inwards")


def _parse_json(encoded: bytes) -> dict[str, Any]:
    if not encoded.strip():
        raise UserError(f"{FILE_NAME} is empty")
    try:
        content = json.loads(encoded)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{FILE_NAME} is not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise UserError(f"{FILE_NAME} holds a {type(content).__name__}; expected an object with plate_text, corners ...")
    if not content:
        raise UserError(f"{FILE_NAME} is an empty object; expected plate_layout, plate_text and corners")
    return content


def _parse_text(content: Mapping[str, Any], plate_format: PlateFormat) -> str:
    text = content.get("plate_text")
    if text is None or text == "":
        raise UserError(f"{FILE_NAME}: plate_text is missing")
    if not isinstance(text, str):
        raise UserError(f"{FILE_NAME}: plate_text is {text!r}; expected a string")
    if plate_format.alphabet == plate_format.alphabet.upper():
        text = text.upper()
    try:
        plate_format.encode(text)
    except ValueError as error:
        raise UserError(f"{FILE_NAME}: {error}") from error
    return text


def _parse_layout(content: Mapping[str, Any], plate_format: PlateFormat, folder_layout: str | None) -> str:
    layout = content.get("plate_layout", folder_layout)
    known = ", ".join(plate_format.layout_names)
    if layout is None:
        raise UserError(f"{FILE_NAME}: plate_layout is missing, and no folder above is named after one of {known}")
    if layout not in plate_format.layout_names:
        raise UserError(f"{FILE_NAME}: plate_layout {layout!r} is unknown; expected one of {known}")
    if folder_layout not in (None, layout):
        raise UserError(f"{FILE_NAME}: plate_layout is {layout!r}, but the track is in a folder named {folder_layout!r}")
    return layout


def _parse_corners(name: str, points: Any) -> Float[np.ndarray, "4 2"]:
    if not isinstance(points, dict) or set(points) != set(CORNERS):
        raise UserError(f"{FILE_NAME}: corners of {name} are not the four {', '.join(CORNERS)}")
    values = [points[corner] for corner in CORNERS]
    if not all(isinstance(point, list) and len(point) == 2 and all(map(_is_finite, point)) for point in values):
        raise UserError(f"{FILE_NAME}: corners of {name} are not pairs [x, y] of finite numbers")
    return np.array(values, np.float32)


def _is_finite(value: Any) -> bool:
    # bool is a subclass of int; an integer may be beyond float64.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9 and math.isfinite(value)
