"""A plate on a car: age, dirt and shadows on the plate, and bodywork around it."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8

from lpasrn_jax.synthetic.canvas import HEIGHT, HEIGHT_MM, WIDTH, WIDTH_MM, Plate, px, rounded_rectangle
from lpasrn_jax.synthetic.ranges import PlateRanges

MARGIN_X, MARGIN_Y = px(120), px(60)  # bodywork in pixels on each side of the plate
SCENE_WIDTH, SCENE_HEIGHT = WIDTH + 2 * MARGIN_X, HEIGHT + 2 * MARGIN_Y

_LEFT, _TOP, _RIGHT, _BOTTOM = MARGIN_X - 0.5, MARGIN_Y - 0.5, MARGIN_X + WIDTH - 0.5, MARGIN_Y + HEIGHT - 0.5
# Of the plate in the scene, clockwise from the top left; the centre of the scene's first pixel is (0, 0).
PLATE_CORNERS = np.float32([[_LEFT, _TOP], [_RIGHT, _TOP], [_RIGHT, _BOTTOM], [_LEFT, _BOTTOM]])
_INSIDE = np.s_[MARGIN_Y : MARGIN_Y + HEIGHT, MARGIN_X : MARGIN_X + WIDTH]


def age_plate(plate: Plate, ranges: PlateRanges, rng: np.random.Generator) -> Plate:
    """A plate after years on the road: faded, dirty, worn and unevenly lit; RGB in [0, 1]."""
    fade = np.float32(ranges.fade.draw(rng))
    colour = plate * (1 - fade) + fade * np.float32(cv2.mean(plate)[:3])
    if rng.random() < ranges.dirt:
        amount = np.clip(_blobs(rng, int(rng.integers(5, 14)), HEIGHT, WIDTH) - rng.uniform(0.0, 1.6), 0, 1)
        brown = np.float32([0.34, 0.29, 0.23]) * rng.uniform(0.5, 1.3)
        colour += (amount * ranges.dirt_strength.draw(rng))[..., None] * (brown - colour)
    if rng.random() < ranges.worn:
        amount = np.clip(3 * (_blobs(rng, int(rng.integers(14, 40)), HEIGHT, WIDTH) - rng.uniform(1.2, 2.2)), 0, 1)
        colour += (amount * rng.uniform(0.3, 1))[..., None] * (np.median(colour[::4, ::4], (0, 1)) - colour)
    light = _shading(ranges, rng) * (1 + np.float32(rng.uniform(0, 0.04)) * _blobs(rng, 5, HEIGHT, WIDTH))
    colour *= light[..., None]
    return np.clip(colour, 0, 1, out=colour)


def mount_on_car(plate: Plate, ranges: PlateRanges, rng: np.random.Generator) -> UInt8[np.ndarray, "sh sw 3"]:
    """The plate on random bodywork, RGB; the plate's corners are at `PLATE_CORNERS`."""
    scene = bodywork(rng)
    if rng.random() < ranges.holder:
        _draw_around(scene, int(rng.integers(3, 10)), np.float32(rng.uniform(0.02, 0.25)))
    outline = rounded_rectangle((0, 0, WIDTH_MM, HEIGHT_MM), round(ranges.outline_radius_mm.draw(rng)))[..., None]
    below = scene[MARGIN_Y + 4 : MARGIN_Y + HEIGHT + 4, MARGIN_X + 1 : MARGIN_X + WIDTH + 1]
    below *= 1 - outline * np.float32(rng.uniform(0, 0.7))  # the shadow that the plate casts
    scene[_INSIDE] += outline * (plate - scene[_INSIDE])
    if rng.random() < ranges.reflectors:
        _draw_reflectors(scene, rng)
    return _bend(cv2.convertScaleAbs(scene, alpha=255), ranges, rng)


def bodywork(rng: np.random.Generator) -> np.ndarray:
    """Paint or plastic in uneven light, with the edges of the bumper, the boot and the grille; computed at half the size."""
    height, width = SCENE_HEIGHT // 2, SCENE_WIDTH // 2
    rows = np.tile(_body_colour(rng), (height, 1))
    for _ in range(rng.integers(1, 5)):
        y = int(rng.integers(0, height))
        rows[y : y + int(rng.integers(2, 30))] *= rng.uniform(0.25, 1.5)
    light = 1 + np.float32(rng.uniform(0, 0.15)) * _blobs(rng, 4, height, width)
    return cv2.resize(light[..., None] * rows[:, None], (SCENE_WIDTH, SCENE_HEIGHT), interpolation=cv2.INTER_LINEAR)


def _body_colour(rng: np.random.Generator) -> np.ndarray:
    """Paint or plastic: black, grey and white most often, red and blue among the rest."""
    shade = rng.beta(0.8, 1.3)
    body = shade + rng.normal(0, 0.02, 3)
    if rng.random() < 0.2:
        body = shade * rng.dirichlet((1.2, 0.5, 0.8)) + rng.uniform(0.1, 0.6) * body
    return np.float32(np.clip(body, 0, 1))


def _draw_around(scene: np.ndarray, pad: int, colour: np.ndarray) -> None:
    """A holder: a frame around the plate."""
    scene[MARGIN_Y - pad : MARGIN_Y + HEIGHT + pad, MARGIN_X - pad : MARGIN_X + WIDTH + pad] = colour


def _draw_reflectors(scene: np.ndarray, rng: np.random.Generator) -> None:
    """Red or amber reflective strips at the ends of the upper and the lower rim."""
    colour = np.float32(((0.85, 0.12, 0.14), (0.85, 0.5, 0.2))[int(rng.random() < 0.2)]) * rng.uniform(0.6, 1.1)
    length, thick, inset = px(rng.uniform(40, 60)), px(rng.uniform(5, 9)), px(rng.uniform(30, 55))
    for top in (MARGIN_Y - px(rng.uniform(-1, 6)), MARGIN_Y + HEIGHT - px(rng.uniform(2, 8))):
        for left in (MARGIN_X + inset, MARGIN_X + WIDTH - inset - length):
            if rng.random() < 0.85:
                scene[top : top + thick, left : left + length] = colour


def _bend(scene: np.ndarray, ranges: PlateRanges, rng: np.random.Generator) -> np.ndarray:
    """Bows the sheet between its corners, which stay where they are."""
    down, across = (px(1) * ranges.bend_mm.signed(rng) for _ in range(2))
    if max(abs(down), abs(across)) < 0.4:
        return scene
    x, y = np.arange(SCENE_WIDTH, dtype=np.float32), np.arange(SCENE_HEIGHT, dtype=np.float32)[:, None]
    along_x = np.sin(np.pi * np.clip((x - _LEFT) / WIDTH, 0, 1))
    along_y = np.sin(np.pi * np.clip((y - _TOP) / HEIGHT, 0, 1))
    map_x = np.broadcast_to(x, scene.shape[:2]) + np.float32(across) * along_y
    map_y = np.broadcast_to(y, scene.shape[:2]) + np.float32(down) * along_x
    return cv2.remap(scene, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _shading(ranges: PlateRanges, rng: np.random.Generator) -> np.ndarray:
    """Light over the plate [h, w]: a linear gradient, at times the bumper's shadow or a glare."""
    x = np.linspace(-1, 1, WIDTH, dtype=np.float32)
    y = np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None]
    light = 1 + ranges.uneven_light.signed(rng) / 2 * x + ranges.uneven_light.signed(rng) / 2 * y
    if rng.random() < ranges.shadow:
        edge = rng.uniform(-0.9, 0.3) + rng.normal(0, 0.15) * x
        light = light * (1 - ranges.shadow_depth.draw(rng) * np.clip((edge - y) / rng.uniform(0.05, 0.4), 0, 1))
    if rng.random() < ranges.glare:
        across = (x - rng.uniform(-1, 1)) / rng.uniform(0.1, 0.6)
        down = (y - rng.uniform(-1, 1)) / rng.uniform(0.4, 1.2)
        light = light + ranges.glare_strength.draw(rng) * np.exp(-(across**2)) * np.exp(-(down**2))
    return light.astype(np.float32)


def _blobs(rng: np.random.Generator, cells: int, height: int, width: int) -> np.ndarray:
    """Smooth noise [height, width] of unit variance at its `cells` x 2 `cells` knots."""
    knots = rng.standard_normal((cells, 2 * cells), dtype=np.float32)
    return cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
