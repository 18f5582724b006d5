"""Reading accuracy as a function of crop margin, rotation, exposure, and of the height and the camera of LR frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax.frames import frame_array, outer_corners, widen_corners
from lpasrn_jax.reading.reader import Reader
from lpasrn_jax.synthetic.camera import Camera, linear_light, record

MARGINS = (-0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
ROTATIONS = (-8, -6, -4, -2, 0, 2, 4, 6, 8)  # degrees
GAINS = (0.3, 0.5, 0.7, 1.0, 1.3, 1.7)
LR_HEIGHTS = (10, 12, 14, 16, 18, 20, 24, 28, 34)  # pixels of the frame
MARGIN = 0.05  # the margin while something else varies
HR_HEIGHT = 48  # height in pixels of the upright plate that is read as HR
FRAMES = 5
DISTURBED_HEIGHT = 20  # LR height while the camera varies
GLARE_RADII = (0.25, 0.5)  # of the frame's width and height

RGB = UInt8[np.ndarray, "h w 3"]
Table = dict[str, Float[np.ndarray, " n"]]  # by condition, per plate: 1 if it is read wholly right, else 0


class Plate(NamedTuple):
    """
    image: RGB image of one plate.
    corners: (x, y) of its top-left, top-right, bottom-right and bottom-left; None if the plate fills the image.
    text: the true text.
    """

    image: RGB
    corners: Float[np.ndarray, "4 2"] | None
    text: str


@dataclasses.dataclass(frozen=True)
class Capture:
    """How LR frames are made: a camera, and what happens to its frames.

    Attributes:
      jpeg_quality: of the file, from 1 to 100.
      glare: grey levels that a glare adds at its brightest place.
    """

    camera: Camera
    jpeg_quality: int = 55
    glare: float = 0.0


_TYPICAL = Camera(level=255.0, defocus=0.65, noise=5.0)  # of the synthetic tracks
USUAL = Capture(_TYPICAL)  # only position and noise change between frames
CAPTURES = {
    "usual": USUAL,
    "smear of 2 px": Capture(dataclasses.replace(_TYPICAL, motion=(2.0, 0.0))),
    "defocus of 1 px": Capture(dataclasses.replace(_TYPICAL, defocus=1.0)),
    "noise of 10 levels": Capture(dataclasses.replace(_TYPICAL, noise=10.0)),
    "JPEG at 15": Capture(_TYPICAL, jpeg_quality=15),
    "dark, a fifth": Capture(dataclasses.replace(_TYPICAL, level=51.0)),
    "glare": Capture(_TYPICAL, glare=100.0),
}


def measure(reader: Reader, plates: Sequence[Plate]) -> dict[str, Table]:
    """Which plates are read wholly right under each condition.

    Args:
      reader: a reader with an OCR.
      plates: HR images of plates, upright or with corners.

    Returns:
      Tables `HR, crop margin`, `HR, rotation`, `HR, exposure gain`, and `LR height` and `LR, camera`, each for `one frame` and
      `five frames`; in each, by condition, one value per plate.
    """
    conditions: Mapping[str, tuple[Iterable[float], str, Callable[[Plate, float], RGB]]] = {
        "HR, crop margin": (MARGINS, "{:+.0%}", lambda plate, margin: crop(plate, margin)),
        "HR, rotation": (ROTATIONS, "{:+d} degrees", lambda plate, degrees: crop(plate, MARGIN, degrees)),
        "HR, exposure gain": (GAINS, "{:.1f}", lambda plate, gain: exposed(crop(plate, MARGIN), gain)),
    }
    tables: dict[str, Table] = {}
    for name, (values, form, made) in conditions.items():
        tables[name] = {form.format(value): _right(reader, plates, made, value) for value in values}
    heights = {f"{height} px": (height, USUAL) for height in LR_HEIGHTS}
    captures = {name: (DISTURBED_HEIGHT, capture) for name, capture in CAPTURES.items()}
    for name, lr_conditions in {"LR height": heights, "LR, camera": captures}.items():
        one, five = tables.setdefault(f"{name}, one frame", {}), tables.setdefault(f"{name}, five frames", {})
        for condition, (height, capture) in lr_conditions.items():
            tracks = [lr_track(plate, height, seed, capture) for seed, plate in enumerate(plates)]
            texts = [reading.text for reading in reader.read_many([track[0] for track in tracks])]
            one[condition] = _equal(texts, plates)
            five[condition] = _equal([reader.read_track(track).text for track in tracks], plates)
    return tables


def crop(plate: Plate, margin: float, degrees: float = 0.0, height: int = HR_HEIGHT) -> RGB:
    """The plate with a margin at each side, a fraction of its width and height, turned clockwise, `height` pixels high.

    Outside the image, its border is repeated.
    """
    corners = outer_corners(*plate.image.shape[:2]) if plate.corners is None else plate.corners
    wide = widen_corners(corners, np.full(4, margin)).astype(np.float64)
    centre, angle = wide.mean(axis=0), np.deg2rad(-degrees)  # the crop turns the other way
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    across, down = np.linalg.norm(wide[1] - wide[0]), np.linalg.norm(wide[3] - wide[0])
    return frame_array(plate.image, (wide - centre) @ turn.T + centre, (height, max(round(height * across / down), 8)))


def exposed(image: RGB, gain: float) -> RGB:
    """The image with all levels multiplied by `gain` and clipped at 255."""
    return cv2.convertScaleAbs(image, alpha=gain)


def lr_track(plate: Plate, height: int, seed: int, capture: Capture = USUAL) -> list[RGB]:
    """`FRAMES` LR frames of that height in pixels, each shifted by up to half an LR pixel."""
    rng = np.random.default_rng([seed, height])
    glare_at = np.random.default_rng(seed).uniform(0.2, 0.8, 2)  # the same in all frames
    frames = []
    for _ in range(FRAMES):
        x, y = rng.uniform(-0.5, 0.5, 2) / height
        shifted = plate._replace(corners=_shifted(plate, x, y))
        sharp = crop(shifted, MARGIN, height=4 * height)
        lr = record(linear_light(sharp), (height, round(sharp.shape[1] / 4)), capture.camera, rng)
        lr = with_glare(lr, capture.glare, glare_at) if capture.glare else lr
        _, encoded = cv2.imencode(".jpg", lr[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, capture.jpeg_quality])
        frames.append(np.ascontiguousarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]))
    return frames


def with_glare(image: RGB, levels: float, place: Float[np.ndarray, " 2"]) -> RGB:
    """The image with a white glare: so many grey levels are added at its centre, `place` in fractions of width and height."""
    h, w, _ = image.shape
    x, y = (((np.arange(size) + 0.5) / size - at) / radius for size, at, radius in zip((w, h), place, GLARE_RADII, strict=True))
    light = levels * np.exp(-(x**2))[None] * np.exp(-(y**2))[:, None]
    return np.clip(image + light[..., None], 0, 255).round().astype(np.uint8)


def _shifted(plate: Plate, x: float, y: float) -> Float[np.ndarray, "4 2"]:
    """Corners moved by fractions of the plate's height."""
    corners = outer_corners(*plate.image.shape[:2]) if plate.corners is None else plate.corners
    return corners + np.array([x, y]) * np.linalg.norm(corners[3] - corners[0])


def _right(reader: Reader, plates: Sequence[Plate], made: Callable[[Plate, float], RGB], value: float) -> Float[np.ndarray, " n"]:
    return _equal([reading.text for reading in reader.read_many([made(plate, value) for plate in plates])], plates)


def _equal(texts: Sequence[str], plates: Sequence[Plate]) -> Float[np.ndarray, " n"]:
    return np.array([text == plate.text for text, plate in zip(texts, plates, strict=True)], float)
