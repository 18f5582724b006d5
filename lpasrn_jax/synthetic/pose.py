"""Where a plate stands in each frame of a track, as the car comes nearer.

Coordinates are OpenCV's pixel coordinates: the centre of the top-left pixel is (0, 0), and an image of width w reaches
from -0.5 to w - 0.5. Corners run top-left, top-right, bottom-right, bottom-left.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from jaxtyping import Float

from lpasrn_jax.synthetic.canvas import HEIGHT_MM, WIDTH_MM
from lpasrn_jax.synthetic.plate import TEXT_BOX
from lpasrn_jax.synthetic.ranges import PoseRanges

FRAMES = 5  # of each resolution
_UNIT = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])
_TEXT = np.float32([[[TEXT_BOX[i], TEXT_BOX[j]]] for i, j in ((0, 1), (2, 1), (2, 3), (0, 3))])


@dataclasses.dataclass(frozen=True)
class View:
    """One frame's size in pixels and the plate's outer corners in it, float64 [4, 2]."""

    height: int
    width: int
    corners: Float[np.ndarray, "4 2"]

    def at_height(self, height: int) -> View:
        """The same picture with another number of pixels; the corners keep their relative places exactly."""
        width = max(1, round(self.width * height / self.height))
        relative = (self.corners + 0.5) / (self.width, self.height)
        return View(height, width, relative * (width, height) - 0.5)


def passing_car(ranges: PoseRanges, rng: np.random.Generator, *, rectified: bool, aligned: bool) -> tuple[list[View], list[View]]:
    """LR and HR views of a passing car: the plate turns and grows, and each frame is cropped a little differently.

    Args:
      ranges: angles, margins and sizes.
      rng: draws from the ranges.
      rectified: the corners will be known, so the plate may lie anywhere in its frame. If False, it lies at nearly the same
        relative place in every frame, so that whole frames correspond.
      aligned: HR frame k shows the moment of LR frame k, with the same crop. If False, HR frames are later moments.

    Returns:
      `FRAMES` LR views and `FRAMES` HR views.
    """
    moments = FRAMES if aligned else 2 * FRAMES
    pictures = (_moving_crops if rectified else _steady_crops)(ranges, moments, rng)
    sides = [np.linalg.norm(view.corners[[3, 2]] - view.corners[[0, 1]], axis=1).mean() / view.height for view in pictures]
    lr_heights, hr_heights = frame_heights(ranges, rng, smallest=ranges.smallest_plate / min(sides))
    lr = [view.at_height(h) for view, h in zip(pictures, lr_heights, strict=False)]
    return lr, [view.at_height(h) for view, h in zip(pictures[-FRAMES:], hr_heights, strict=True)]


def frame_heights(ranges: PoseRanges, rng: np.random.Generator, *, smallest: float) -> tuple[list[int], list[int]]:
    """Heights in pixels of the LR and HR frames of a car that comes nearer; no LR frame is lower than `smallest`."""
    usual = ranges.usual_lr_height if rng.random() < ranges.usual_share else ranges.lr_height
    low = int(np.ceil(max(ranges.lr_height.low, smallest)))
    nearness = ranges.growth.draw(rng) ** (np.arange(FRAMES) / (FRAMES - 1))
    lr = np.clip(np.rint(usual.draw(rng) * nearness + rng.uniform(-0.5, 0.5, FRAMES)), low, max(low, ranges.lr_height.high))
    hr = np.clip(np.rint(ranges.hr_height.draw(rng) * nearness), ranges.hr_height.low, ranges.hr_height.high)
    return [int(h) for h in lr], [int(h) for h in hr]


def _moving_crops(ranges: PoseRanges, moments: int, rng: np.random.Generator) -> list[View]:
    """Views 100 pixels high: angles and distance change steadily, the crop's margins from frame to frame."""
    angles = np.array([ranges.yaw_degrees.signed(rng), ranges.pitch_degrees.draw(rng), ranges.roll_degrees.signed(rng)])
    turn = np.array([ranges.turn_degrees.signed(rng), rng.normal(0, 1.5), rng.normal(0, 0.5)])
    distance = ranges.distance.draw(rng)
    margin = ranges.known_margin.draw(rng)
    sides = np.array([ranges.side.draw(rng) for _ in range(4)])
    views = []
    for moment in range(moments):
        progress = moment / (moments - 1)
        now = angles + turn * progress + rng.normal(0, (0.6, 0.4, 0.25))
        outline = _project(*np.deg2rad(now), distance * (1.2 - 0.4 * progress))
        views.append(_crop(outline, margin * sides * rng.uniform(0.8, 1.2, 4)))
    return views


def _steady_crops(ranges: PoseRanges, moments: int, rng: np.random.Generator) -> list[View]:
    """Views 100 pixels high with the plate at the same place of each, but for about half an LR pixel."""
    angles = np.array([ranges.yaw_degrees.signed(rng), ranges.pitch_degrees.draw(rng), ranges.roll_degrees.signed(rng)])
    outline = _project(*np.deg2rad(angles), ranges.distance.draw(rng))
    margins = ranges.margin.draw(rng) * np.array([ranges.side.draw(rng) for _ in range(4)])
    reference = _crop(outline, margins)
    views = []
    for _ in range(moments):
        shift = rng.uniform(-2.0, 2.0, 2) + rng.normal(0, 0.3, (4, 2))
        scale = rng.uniform(0.99, 1.01)
        corners = (reference.corners - reference.corners.mean(0)) * scale + reference.corners.mean(0) + shift
        views.append(_keep_text(View(reference.height, reference.width, corners)))
    return views


def _project(yaw: float, pitch: float, roll: float, distance: float) -> np.ndarray:
    """Corners [4, 2] of a plate one unit high, turned about its centre and seen from `distance` plate widths; radians."""
    half = np.array([WIDTH_MM / HEIGHT_MM, 1.0]) / 2
    corners = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)]) * (*half, 0)
    (cy, cp, cr), (sy, sp, sr) = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    turn_yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    turn_pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    turn_roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    turned = corners @ (turn_roll @ turn_pitch @ turn_yaw).T
    depth = 1 + turned[:, 2:] / (distance * WIDTH_MM / HEIGHT_MM)
    return turned[:, :2] / depth


def _crop(outline: np.ndarray, margins: np.ndarray) -> View:
    """A frame 100 pixels high around an outline; margins left, top, right, bottom are fractions of its extent in that axis."""
    low, high = outline.min(0), outline.max(0)
    size = high - low
    left, top, right, bottom = margins
    scale = 100 / (size[1] * (1 + top + bottom))
    width = max(1, round(scale * size[0] * (1 + left + right)))
    return View(100, width, (outline - low + size * (left, top)) * scale - 0.5)


def _keep_text(view: View) -> View:
    """The view, moved and shrunk as far as its frame needs to hold every character: a text that is cut off cannot be read."""
    matrix = cv2.getPerspectiveTransform(_UNIT, np.float32(view.corners))
    text = cv2.perspectiveTransform(_TEXT, matrix)[:, 0]
    low, high = text.min(0) - 0.5, text.max(0) + 0.5
    frame = np.array([view.width, view.height])
    scale = min(1.0, *(frame / (high - low)))
    corners = (view.corners - low) * scale
    room = frame - (high - low) * scale
    place = np.clip(low + 0.5, 0, np.maximum(room, 0))
    return View(view.height, view.width, corners + place - 0.5)
