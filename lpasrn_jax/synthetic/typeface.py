"""Plate characters drawn from stroke skeletons: no font file, and weight, width, slant and roundness are free."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Float

from lpasrn_jax.synthetic.glyphs import Glyph

_SUPERSAMPLING = 4
_SUBPIXEL_BITS = 4  # OpenCV's fixed-point coordinates: 1/16 pixel
_ARC_STEPS = 6


@dataclasses.dataclass(frozen=True)
class Style:
    """How a face is drawn; lengths are fractions of the cap height.

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
        vertices = style.weight / 2 + vertices * (ink - style.weight)
        line = _round_corners(vertices, rounded, closed, style.corner)
        for quad in _stroke(line, closed, style.weight):
            quad[:, 0] += style.slant * (1 - quad[:, 1]) + max(-style.slant, 0)
            fixed_point = np.round((quad * size - 0.5) * 2**_SUBPIXEL_BITS).astype(np.int32)
            cv2.fillConvexPoly(canvas, fixed_point, 255, cv2.LINE_8, _SUBPIXEL_BITS)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def text_mask(text: str, face: Mapping[str, Glyph], style: Style, height: int, spacing: float = 0.18) -> Float[np.ndarray, "h w"]:
    """Ink coverage of a line of text; a space is half a character wide.

    Args:
      text: characters of the face, and spaces.
      face: see `glyph_mask`.
      style: see `glyph_mask`.
      height: cap height in pixels.
      spacing: gap between two characters, as a fraction of the cap height.

    Returns:
      float32 [height, w] in [0, 1]; w is 0 for an empty text.
    """
    gap = np.zeros((height, max(1, round(spacing * height))), np.float32)
    space = np.zeros((height, round(style.width * height / 2)), np.float32)
    pieces = [piece for c in text for piece in ((space if c == " " else glyph_mask(c, face, style, height)), gap)]
    return np.hstack(pieces[:-1]) if pieces else np.zeros((height, 0), np.float32)


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
            length = np.linalg.norm(side)
            room = length / 2 if rounded[j] else length
            ends.append(vertex + side / length * min(radius, room))
        t = np.linspace(0, 1, _ARC_STEPS + 1)[:, None]
        weights = (1 - t) ** 2, np.sqrt(2) * t * (1 - t), t**2
        points.append((weights[0] * ends[0] + weights[1] * vertex + weights[2] * ends[1]) / sum(weights))
    line = np.concatenate(points)
    before = np.roll(line, 1, axis=0)
    new = np.abs(line - before).max(axis=1) > 1e-6  # two arcs that share a side's midpoint repeat it
    new[0] |= not closed
    return line[new]


def _stroke(line: np.ndarray, closed: bool, weight: float) -> list[np.ndarray]:
    """Quadrilaterals [4, 2] that cover a line of thickness `weight`, with mitred joints.

    A diagonal that ends at the top or the bottom runs on past it, so that the edge of the canvas cuts it level, as on a plate.
    """
    if closed:
        line = np.concatenate([line, line[:1]])
    directions = np.diff(line, axis=0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    if not closed:
        line = line.copy()
        line[0] -= directions[0] * _overshoot(line[0], directions[0], weight)
        line[-1] += directions[-1] * _overshoot(line[-1], directions[-1], weight)
    normals = directions[:, ::-1] * (-1, 1)
    before = np.concatenate([normals[-1:] if closed else normals[:1], normals])
    after = np.concatenate([normals, normals[:1] if closed else normals[-1:]])
    mitre = (before + after) / np.maximum(1 + (before * after).sum(1, keepdims=True), 0.35) * weight / 2
    left, right = line + mitre, line - mitre
    return [np.stack([left[i], left[i + 1], right[i + 1], right[i]]) for i in range(len(directions))]


def _overshoot(end: np.ndarray, direction: np.ndarray, weight: float) -> float:
    """How far a stroke runs on past its end: bars to the side of the box, the rest only where it ends at the top or bottom."""
    if abs(direction[1]) < 0.1:
        return weight / 2
    if min(end[1], 1 - end[1]) > weight / 2 + 1e-6:
        return 0.0
    return 1.5 * weight if abs(direction[0]) > 0.1 else weight / 2
