"""Plate characters rendered from stroke skeletons: no font file, and weight, width, slant and roundness are free."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Float

from lpasrn_jax.synthetic.glyphs import MANDATORY, Glyph

_SUPERSAMPLING = 3
_SUBPIXEL_BITS = 4  # OpenCV's fixed-point coordinates: 1/16 pixel
_ARC_STEPS = 6


def _arc_weights() -> np.ndarray:
    """[steps + 1, 3]: weights of start, corner and end in the points of a quarter circle."""
    t = np.linspace(0, 1, _ARC_STEPS + 1)
    weights = np.stack([(1 - t) ** 2, np.sqrt(2) * t * (1 - t), t**2], axis=1)
    return weights / weights.sum(1, keepdims=True)


_ARC = _arc_weights()


@dataclasses.dataclass(frozen=True)
class Style:
    """How a face is rendered; lengths are fractions of the cap height.

    Args:
      weight: stroke thickness.
      width: ink width of a character of width 1.
      corner: radius of a rounded corner of the centre line, where the sides leave room for it.
      slant: shift of the top to the right.
    """

    weight: float = 0.178
    width: float = 0.645
    corner: float = 0.12
    slant: float = 0.0


def glyph_mask(character: str, face: Mapping[str, Glyph], style: Style, height: int) -> Float[np.ndarray, "h w"]:
    """Ink coverage of a character, antialiased.

    Args:
      character: one character of the face.
      face: `glyphs.MANDATORY`, `glyphs.FE` or another table of the kind.
      style: weight, width, corner radius and slant.
      height: cap height in pixels.

    Returns:
      float32 [height, w] in [0, 1], as wide as the ink, a slant included.

    Raises:
      ValueError: for a character that the face does not have.
    """
    if character not in face:
        raise ValueError(f"character {character!r} has no glyph; this face draws {''.join(sorted(face))}")
    relative_width, paths = face[character]
    ink = np.array([max(relative_width * style.width, style.weight), 1.0])
    size = height * _SUPERSAMPLING
    lean = abs(style.slant)
    width = max(1, round((ink[0] + lean) * height))
    canvas = np.zeros((size, width * _SUPERSAMPLING), np.uint8)
    for path in paths:
        vertices, rounded, closed = _parse(path)
        line = _round_corners(style.weight / 2 + vertices * (ink - style.weight), rounded, closed, style.corner)
        quads = _stroke(line, closed, style.weight)
        quads[..., 0] += style.slant * (1 - quads[..., 1]) + max(-style.slant, 0)
        for quad in np.rint((quads * size - 0.5) * 2**_SUBPIXEL_BITS).astype(np.int32):
            cv2.fillConvexPoly(canvas, quad, 255, cv2.LINE_8, _SUBPIXEL_BITS)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def small_text(text: str, height: int) -> Float[np.ndarray, "h w"]:
    """Ink coverage of a line of small print in the mandatory face, quick because its glyphs are cached.

    Args:
      text: characters of `glyphs.MANDATORY`, and spaces.
      height: cap height in pixels.

    Returns:
      float32 [height, w] in [0, 1].
    """
    gap = np.zeros((height, max(1, round(0.22 * height))), np.float32)
    space = np.zeros((height, height // 4), np.float32)
    return np.hstack([piece for c in text for piece in (space if c == " " else _small_glyph(c, height), gap)][:-1])


@functools.cache
def _small_glyph(character: str, height: int) -> Float[np.ndarray, "h w"]:
    return glyph_mask(character, MANDATORY, Style(weight=0.2, width=0.62), height)


@functools.cache
def _parse(path: str) -> tuple[np.ndarray, list[bool], bool]:
    """Vertices [n, 2], which of them are rounded, and whether the path is closed."""
    words = path.split()
    closed = words[-1] == "z"
    words = words[:-1] if closed else words
    vertices = np.array([[float(number) for number in word.lstrip("r").split(",")] for word in words])
    return vertices, [word.startswith("r") for word in words], closed


def _round_corners(vertices: np.ndarray, rounded: list[bool], closed: bool, radius: float) -> np.ndarray:
    """The polyline with each rounded vertex replaced by an arc (a rational quadratic Bézier curve)."""
    n = len(vertices)
    points = []
    for i, vertex in enumerate(vertices):
        if not rounded[i] or (not closed and i in (0, n - 1)):
            points.append(vertex[None])
            continue
        ends = []
        for j in ((i - 1) % n, (i + 1) % n):
            side = vertices[j] - vertex
            length = math.hypot(*side)
            ends.append(vertex + side * (min(radius, length / 2 if rounded[j] else length) / length))
        points.append(_ARC @ np.array([ends[0], vertex, ends[1]]))
    line = np.concatenate(points)
    before = np.roll(line, 1, axis=0)
    new = np.abs(line - before).max(axis=1) > 1e-6  # two arcs that share a side's midpoint repeat it
    new[0] |= not closed
    return line[new]


def _stroke(line: np.ndarray, closed: bool, weight: float) -> np.ndarray:
    """Quadrilaterals [n, 4, 2] that cover a line of thickness `weight`, with mitred joints.

    A diagonal that ends at the top or the bottom runs on past it, so that the edge of the canvas cuts it level, as on a plate.
    """
    if closed:
        line = np.concatenate([line, line[:1]])
    directions = line[1:] - line[:-1]
    directions /= np.hypot(directions[:, :1], directions[:, 1:])
    if not closed:
        line = line.copy()
        line[0] -= directions[0] * _overshoot(line[0], directions[0], weight)
        line[-1] += directions[-1] * _overshoot(line[-1], directions[-1], weight)
    normals = directions[:, ::-1] * (-1, 1)
    before = np.concatenate([normals[-1:] if closed else normals[:1], normals])
    after = np.concatenate([normals, normals[:1] if closed else normals[-1:]])
    mitre = (before + after) / np.maximum(1 + (before * after).sum(1, keepdims=True), 0.35) * weight / 2
    left, right = line + mitre, line - mitre
    return np.stack([left[:-1], left[1:], right[1:], right[:-1]], axis=1)


def _overshoot(end: np.ndarray, direction: np.ndarray, weight: float) -> float:
    """How far a stroke runs on past its end: bars to the side of the box, the rest only where it ends at the top or bottom."""
    if abs(direction[1]) < 0.1:
        return weight / 2
    if min(end[1], 1 - end[1]) > weight / 2 + 1e-6:
        return 0.0
    return 1.5 * weight if abs(direction[0]) > 0.1 else weight / 2
