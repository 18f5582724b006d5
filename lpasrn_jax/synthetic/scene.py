"""A plate on a car: age, dirt and shadows on the plate, and bodywork around it."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float

from lpasrn_jax.synthetic.canvas import HEIGHT, HEIGHT_MM, WIDTH, WIDTH_MM, Plate, rounded_rectangle

MARGIN_X, MARGIN_Y = 72, 60  # bodywork in pixels on each side of the plate
SCENE_WIDTH, SCENE_HEIGHT = WIDTH + 2 * MARGIN_X, HEIGHT + 2 * MARGIN_Y

_LEFT, _TOP, _RIGHT, _BOTTOM = MARGIN_X - 0.5, MARGIN_Y - 0.5, MARGIN_X + WIDTH - 0.5, MARGIN_Y + HEIGHT - 0.5
# Of the plate in the scene, clockwise from the top left; the centre of the scene's first pixel is (0, 0).
PLATE_CORNERS = np.float32([[_LEFT, _TOP], [_RIGHT, _TOP], [_RIGHT, _BOTTOM], [_LEFT, _BOTTOM]])


def age_plate(plate: Plate, rng: np.random.Generator) -> Plate:
    """A plate after years on the road: faded, dirty, bent and partly in shadow; RGB in [0, 1]."""
    colour = plate + rng.beta(1.2, 14) * (plate.mean((0, 1)) - plate)  # fading pulls ink and ground together
    if rng.random() < 0.7:
        dirt = np.clip(_blobs(rng, 9, HEIGHT, WIDTH) - rng.uniform(0.0, 1.6), 0, 1)[..., None] * rng.uniform(0.1, 0.6)
        colour += dirt * (np.float32([0.34, 0.29, 0.23]) * rng.uniform(0.5, 1.3) - colour)
    if rng.random() < 0.15:  # flaked ink
        flakes = np.clip(4 * (_blobs(rng, 40, HEIGHT, WIDTH) - rng.uniform(1.1, 2)), 0, 1)[..., None]
        colour += flakes * (np.median(colour, (0, 1)) - colour)
    colour *= 1 + rng.uniform(0, 0.06) * _blobs(rng, 5, HEIGHT, WIDTH)[..., None]  # dents
    colour *= _shading(rng)[..., None]
    return np.clip(colour, 0, 1)


def mount_on_car(plate: Plate, rng: np.random.Generator) -> Float[np.ndarray, "sh sw 3"]:
    """The plate on random bodywork, RGB in [0, 1]; the plate's corners are at `PLATE_CORNERS`."""
    shade = rng.beta(1.2, 1.6)
    body = np.float32(shade + rng.normal(0, 0.03, 3))
    if rng.random() < 0.2:  # a coloured car
        body = np.float32(shade * rng.dirichlet((0.7, 0.7, 0.7)) + 0.3 * body)
    scene = np.empty((SCENE_HEIGHT, SCENE_WIDTH, 3), np.float32)
    scene[:] = body
    for _ in range(rng.integers(1, 5)):  # edges of the bumper, the boot and the grille
        y = int(rng.integers(0, SCENE_HEIGHT))
        scene[y : y + int(rng.integers(6, 90))] *= rng.uniform(0.25, 1.5)
    if rng.random() < 0.3:  # a holder around the plate
        pad = int(rng.integers(5, 14))
        scene[MARGIN_Y - pad : MARGIN_Y + HEIGHT + pad, MARGIN_X - pad : MARGIN_X + WIDTH + pad] = rng.uniform(0.02, 0.2)
    scene *= 1 + 0.08 * _blobs(rng, 4, SCENE_HEIGHT, SCENE_WIDTH)[..., None]
    outline = rounded_rectangle((0, 0, WIDTH_MM, HEIGHT_MM), rng.uniform(6, 13))[..., None]
    below = scene[MARGIN_Y + 6 : MARGIN_Y + HEIGHT + 6, MARGIN_X + 2 : MARGIN_X + WIDTH + 2]
    below *= 1 - outline * rng.uniform(0, 0.7)  # the shadow that the plate casts
    on_car = scene[MARGIN_Y : MARGIN_Y + HEIGHT, MARGIN_X : MARGIN_X + WIDTH]
    on_car += outline * (plate - on_car)
    return np.clip(scene, 0, 1)


def _shading(rng: np.random.Generator) -> np.ndarray:
    """Light over the plate [h, w]: a linear gradient, at times the bumper's shadow or a glare."""
    x = np.linspace(-1, 1, WIDTH, dtype=np.float32)
    y = np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None]
    light = 1 + rng.normal(0, 0.06) * x + rng.normal(0, 0.08) * y
    if rng.random() < 0.25:
        edge = rng.uniform(-0.9, 0.3) + rng.normal(0, 0.15) * x
        light = light * (1 - rng.uniform(0.2, 0.6) * np.clip((edge - y) / rng.uniform(0.05, 0.4), 0, 1))
    if rng.random() < 0.15:
        across = (x - rng.uniform(-1, 1)) / rng.uniform(0.2, 0.6)
        down = (y - rng.uniform(-1, 1)) / rng.uniform(0.4, 1.2)
        light = light + rng.uniform(0.2, 0.7) * np.exp(-(across**2) - down**2)
    return light.astype(np.float32)


def _blobs(rng: np.random.Generator, cells: int, height: int, width: int) -> np.ndarray:
    """Smooth noise [height, width] of unit variance at its `cells` x 2 `cells` knots."""
    knots = rng.standard_normal((cells, 2 * cells), dtype=np.float32)
    return cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
