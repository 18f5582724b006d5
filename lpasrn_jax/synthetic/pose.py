"""Where a plate stands in each frame of a track, as the car comes nearer.

Coordinates are OpenCV's pixel coordinates: the centre of the top-left pixel is (0, 0), and an image of width w reaches
from -0.5 to w - 0.5. Corners run top-left, top-right, bottom-right, bottom-left.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from lpasrn_jax.synthetic.canvas import HEIGHT_MM, WIDTH_MM

FRAMES = 5  # of each resolution
LR_HEIGHTS, LR_WIDTHS = (18, 21), (34, 60)
HR_HEIGHTS, HR_WIDTHS = (33, 35), (64, 100)


@dataclasses.dataclass(frozen=True)
class View:
    """One frame's size in pixels and the plate's outer corners in it, float64 [4, 2]."""

    height: int
    width: int
    corners: Float[np.ndarray, "4 2"]


def approach(rng: np.random.Generator) -> tuple[list[View], list[View]]:
    """LR and HR views of a passing car: the plate turns and grows, each frame is cropped a little differently.

    Returns:
      `FRAMES` LR views, then `FRAMES` HR views of later moments.
    """
    yaw, pitch, roll = rng.uniform(-38, 38), rng.uniform(-4, 20), rng.normal(0, 3)
    turn = rng.normal(0, (5, 2, 0.6))
    distance = rng.uniform(5, 20)
    margins = rng.uniform(0.05, 0.16, 4)
    views = []
    for moment in range(2 * FRAMES):
        progress = moment / (2 * FRAMES - 1)
        angles = np.array([yaw, pitch, roll]) + turn * progress + rng.normal(0, (0.7, 0.5, 0.3))
        outline = _project(*np.deg2rad(angles), distance * (1.3 - 0.5 * progress))
        crop = margins * rng.uniform(0.7, 1.3, 4)
        high_resolution = moment >= FRAMES
        heights, widths = (HR_HEIGHTS, HR_WIDTHS) if high_resolution else (LR_HEIGHTS, LR_WIDTHS)
        growth = (moment % FRAMES) / (FRAMES - 1)
        height = heights[0] + growth * (heights[1] - heights[0]) + rng.normal(0, 0.5)
        views.append(_crop(outline, crop, int(np.clip(round(height), *heights)), widths))
    return views[:FRAMES], views[FRAMES:]


def fixed_crop(rng: np.random.Generator) -> tuple[list[View], list[View]]:
    """LR and HR views with the plate nearly upright and at the same place of each frame, so that whole frames correspond.

    Returns:
      `FRAMES` LR views and `FRAMES` HR views.
    """
    angles = np.deg2rad([rng.uniform(-30, 30), rng.uniform(0, 12), rng.normal(0, 1.2)])
    outline = _project(*angles, rng.uniform(8, 20))
    reference = _crop(outline, rng.uniform(0.04, 0.12, 4), 100, (0, 1000))
    relative = (reference.corners + 0.5) / (reference.width, reference.height)

    def views(heights: tuple[int, int], widths: tuple[int, int]) -> list[View]:
        result = []
        for height in rng.integers(heights[0], heights[1] + 1, FRAMES):
            width = int(np.clip(round(reference.width / reference.height * height * rng.uniform(0.97, 1.03)), *widths))
            moved = relative + rng.normal(0, 0.004, 2) + rng.normal(0, 0.002, (4, 2))
            result.append(View(int(height), width, np.clip(moved, 0.002, 0.998) * (width, height) - 0.5))
        return result

    return views(LR_HEIGHTS, LR_WIDTHS), views(HR_HEIGHTS, HR_WIDTHS)


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


def _crop(outline: np.ndarray, margins: np.ndarray, height: int, widths: tuple[int, int]) -> View:
    """Scales an outline so that it fills a frame but for margins (left, top, right, bottom; fractions of its height).

    The width follows from the outline; where it falls outside `widths`, the frame holds more or less of the surroundings.
    """
    low, high = outline.min(0), outline.max(0)
    size = high - low
    left, top, right, bottom = margins * size[1]
    scale = height / (size[1] + top + bottom)
    width = int(np.clip(round(scale * (size[0] + left + right)), *widths))
    spare = width - scale * size[0]
    corner = np.array([spare * left / (left + right), scale * top])
    return View(height, width, (outline - low) * scale + corner - 0.5)
