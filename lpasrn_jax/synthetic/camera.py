"""A surveillance camera: from a plate on a car to a frame, in linear light as far as the sensor, then as the camera develops it.

Optics (perspective, rain, lamp, blur), sensor (area sampling, colour filter, noise), processing (tone curve, denoising,
sharpening). What coding adds is in `coding.py`.
"""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax.synthetic.pose import View
from lpasrn_jax.synthetic.ranges import CameraRanges
from lpasrn_jax.synthetic.scene import MARGIN_X, MARGIN_Y

_GAMMA = 2.2
_SAMPLES = 3
_NOISE_SIDE = 640
_FINE_HEIGHT = 100  # at least as many rows of light are computed for a frame, so that a plate keeps what its scene shows


@dataclasses.dataclass(frozen=True)
class Camera:
    """One camera at one time of day: what the frames of a track have in common. Lengths are in pixels of a frame.

    Args:
      level: grey level that the plate's sheet comes to; above 255 it is burnt out.
      white_balance: linear gain of R, G and B.
      contrast: exponent of the tone curve after gamma; 1 leaves it.
      veil: share of the light that lens, mist or rain scatter into the picture.
      defocus: standard deviation of the blur.
      motion: length of the smear, x and y.
      noise: standard deviation on a sheet of level 140 or more, in grey levels; in darker pictures in proportion less.
      sharpening: weight of the unsharp mask.
      halo_radius: standard deviation of the unsharp mask's blur.
      reduced: the frame is a larger picture, reduced after development: its pixels are means of grey levels, not light.
      demosaic: colours are sampled through a Bayer filter at the frame's resolution.
      denoise: weak differences between neighbours are smoothed away.
      monochrome: an infrared camera's picture.
      lamp: centre (fractions of width and height) and radius (of the width) of a lamp's light; None by day.
      bloom: share of the light that spreads around bright places.
      rain: streaks per 1000 square pixels.
    """

    level: float
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    veil: float = 0.0
    defocus: float = 0.3
    motion: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.0
    sharpening: float = 0.0
    halo_radius: float = 1.0
    reduced: bool = False
    demosaic: bool = False
    denoise: bool = False
    monochrome: bool = False
    lamp: tuple[float, float, float] | None = None
    bloom: float = 0.0
    rain: float = 0.0


def random_camera(ranges: CameraRanges, rng: np.random.Generator, *, adverse: bool) -> Camera:
    """A camera of LR frames by day, or (`adverse`) at night, in rain, or both."""
    warmth, tint = ranges.warmth.signed(rng), ranges.tint.draw(rng)
    length, angle = ranges.motion.draw(rng), rng.uniform(0, np.pi)
    camera = Camera(
        level=ranges.level.draw(rng),
        white_balance=tuple(float(v) for v in np.exp([warmth, tint, -warmth])),
        contrast=ranges.contrast.draw(rng),
        veil=ranges.veil.draw(rng),
        defocus=ranges.defocus.draw(rng),
        motion=(length * np.cos(angle), length * np.sin(angle)),
        noise=ranges.noise.draw(rng),
        sharpening=ranges.sharpening.draw(rng),
        halo_radius=ranges.halo_radius.draw(rng),
        reduced=bool(rng.random() < ranges.reduced),
        demosaic=bool(rng.random() < ranges.demosaic),
        denoise=bool(rng.random() < ranges.denoise),
    )
    if not adverse:
        return camera
    changes = {}
    kind = str(rng.choice(("night", "rain", "rainy night")))
    if "night" in kind:
        changes = {
            "level": ranges.night_level.draw(rng),
            "noise": ranges.night_noise.draw(rng),
            "bloom": ranges.bloom.draw(rng),
            "monochrome": bool(rng.random() < ranges.infrared),
        }
        if rng.random() < ranges.lamp:
            changes["lamp"] = (rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.3, 1.5))
    if "rain" in kind:
        changes |= {"rain": ranges.rain.draw(rng), "veil": ranges.rain_veil.draw(rng)}
    return dataclasses.replace(camera, **changes)


def reference_camera(camera: Camera, ranges: CameraRanges, rng: np.random.Generator) -> Camera:
    """The camera of the HR frames: the same light and colours, but near, sharp and with little noise."""
    length, angle = ranges.hr_motion.draw(rng), rng.uniform(0, np.pi)
    return dataclasses.replace(
        camera,
        defocus=ranges.hr_defocus.draw(rng),
        motion=(length * np.cos(angle), length * np.sin(angle)),
        noise=ranges.hr_noise.draw(rng),
        sharpening=0.5 * camera.sharpening,
        reduced=False,
        demosaic=False,
        denoise=False,
    )


def flicker(camera: Camera, ranges: CameraRanges, rng: np.random.Generator) -> Camera:
    """The camera at one moment: exposure and blur change from frame to frame."""
    return dataclasses.replace(
        camera,
        level=camera.level * (1 + ranges.flicker.signed(rng)),
        defocus=camera.defocus * (1 + ranges.refocus.signed(rng)),
        motion=tuple(m * rng.uniform(0.6, 1.4) for m in camera.motion),
    )


def linear_scene(scene: UInt8[np.ndarray, "sh sw 3"], camera: Camera) -> Float[np.ndarray, "sh sw 3"]:
    """The scene in linear light and in the camera's colours, with the plate's sheet at 1."""
    red, green, blue = (3 * gain / sum(camera.white_balance) for gain in camera.white_balance)
    light = linear_light(scene, (red, green, blue))
    light *= np.float32(1 / max(_sheet_level(light), 1e-3))
    return light


def linear_light(
    image: UInt8[np.ndarray, "h w 3"], balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> Float[np.ndarray, "h w 3"]:
    """An image in linear light, white at 1, its channels multiplied by `balance`."""
    return cv2.LUT(image, np.float32((np.arange(256)[:, None] / 255) ** _GAMMA * np.array(balance))[None])


def see(
    light: Float[np.ndarray, "sh sw 3"], corners: Float[np.ndarray, "4 2"], view: View, camera: Camera, rng: np.random.Generator
) -> Float[np.ndarray, "fh fw 3"]:
    """The light that falls on the sensor for one view, on a grid several times finer than the frame, before blur.

    `corners` of the scene come to lie where the view has its own.
    """
    factor = max(1, round(_FINE_HEIGHT / view.height))
    size = (view.width * factor, view.height * factor)
    target = np.float32((view.corners + 0.5) * factor - 0.5)
    matrix = cv2.getPerspectiveTransform(np.float32(corners), target)
    image = cv2.warpPerspective(light, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if camera.lamp is not None or camera.bloom:
        image = _night(image, camera)
    if camera.rain:
        image = _rain(image, camera, view, rng)
    return image


def record(
    image: Float[np.ndarray, "fh fw 3"], size: tuple[int, int], camera: Camera, rng: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """One frame of (height, width) `size` from the light of `see`: blur, sampling, noise and development; RGB."""
    height, width = size
    pixel = image.shape[0] / height
    if pixel > 2 * _SAMPLES:  # the blur needs no finer grid than this
        image = cv2.resize(image, (width * _SAMPLES, height * _SAMPLES), interpolation=cv2.INTER_AREA)
        pixel = _SAMPLES
    level = float(camera.level / 255) ** _GAMMA
    if camera.reduced:
        image = cv2.pow(np.minimum(image, np.float32(1 / level)), 1 / _GAMMA)
    image = cv2.GaussianBlur(image, (0, 0), max(camera.defocus * pixel, 0.1))
    image = _smear(image, np.array(camera.motion) * pixel)
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    if camera.reduced:
        image = cv2.pow(image, _GAMMA)
    if camera.veil:
        image += np.float32(camera.veil) * (np.float32(0.7) - image)
    image *= np.float32(level)
    return _develop(_expose(image, camera, level, rng), camera)


def _sheet_level(light: np.ndarray) -> float:
    """Linear brightness of the plate: of the sheet, or of bright ink on a dark sheet."""
    h, w, _ = light.shape
    plate = light[MARGIN_Y : h - MARGIN_Y : 5, MARGIN_X : w - MARGIN_X : 5].reshape(-1, 3) @ np.full(3, 1 / 3, np.float32)
    sheet, bright = np.sort(plate)[[int(0.7 * plate.size), int(0.9 * plate.size)]]
    return float(max(sheet, 0.6 * bright))


def _night(image: np.ndarray, camera: Camera) -> np.ndarray:
    h, w, _ = image.shape
    if camera.lamp is not None:
        x, y, radius = camera.lamp
        across = np.exp(-(((np.arange(w, dtype=np.float32) / w - x) / radius) ** 2))
        down = np.exp(-(((np.arange(h, dtype=np.float32)[:, None] - y * h) / (w * radius)) ** 2))
        image *= (0.4 + 0.8 * across * down)[..., None]
    if camera.bloom:
        small = cv2.resize(np.maximum(image - 0.3, 0), (max(w // 4, 1), max(h // 4, 1)), interpolation=cv2.INTER_AREA)
        image += camera.bloom * cv2.resize(cv2.GaussianBlur(small, (0, 0), h / 32), (w, h), interpolation=cv2.INTER_LINEAR)
    return image


def _rain(image: np.ndarray, camera: Camera, view: View, rng: np.random.Generator) -> np.ndarray:
    h, w, _ = image.shape
    fine = h / view.height
    streaks = np.zeros((h, w), np.float32)
    lean = rng.normal(0, 0.15)
    for _ in range(rng.poisson(camera.rain * 20 * 20 * w / h / 1000)):
        x, y, length = rng.uniform(0, w), rng.uniform(-0.3 * h, h), rng.uniform(0.1, 0.6) * h
        end = (round(x + lean * length), round(y + length))
        cv2.line(streaks, (round(x), round(y)), end, float(rng.uniform(0.1, 0.5)), int(rng.integers(1, 1 + max(h // 30, 1))))
    streaks = cv2.GaussianBlur(streaks, (0, 0), max(0.3 * fine, h / 80))[..., None]
    return image + streaks * (image.mean() * np.float32(1.5) - image * np.float32(0.5))


def _smear(image: np.ndarray, motion: np.ndarray) -> np.ndarray:
    if np.hypot(*motion) < 1:
        return image
    reach = int(np.ceil(np.abs(motion).max() / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    start, end = (np.round((reach + sign * motion / 2) * 16).astype(int) for sign in (-1, 1))
    cv2.line(kernel, start.tolist(), end.tolist(), 255, 1, cv2.LINE_AA, 4)
    kernel = kernel.astype(np.float32)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _expose(image: np.ndarray, camera: Camera, level: float, rng: np.random.Generator) -> np.ndarray:
    """Noise whose variance grows with the light, and the colour filter in front of the sensor."""
    if camera.monochrome:
        image = cv2.transform(image, np.full((3, 3), 1 / 3, np.float32))
    if not camera.noise:
        return image
    usual = max(0.7 * level, 1e-4)
    noise = camera.noise * float(np.clip(camera.level / 140, 0.4, 1))
    deviation = noise / 255 * _GAMMA * usual ** (1 - 1 / _GAMMA)  # the tone curve's slope, undone
    scale = np.sqrt((np.maximum(image, 0) + 0.1 * usual) * np.float32(deviation**2 / (1.1 * usual)))
    h, w, _ = image.shape
    y, x = rng.integers(0, (_NOISE_SIDE - h, _NOISE_SIDE - w))
    return image + scale * _noise_field()[y : y + h, x : x + w, : 1 if camera.monochrome else 3]


@functools.cache
def _noise_field() -> np.ndarray:
    """White noise that frames cut theirs from: drawing it anew would take as long as all the optics."""
    return np.random.default_rng(0).standard_normal((_NOISE_SIDE, _NOISE_SIDE, 3), dtype=np.float32)


def _develop(image: np.ndarray, camera: Camera) -> np.ndarray:
    image = np.clip(image, 0, 1)
    image = cv2.pow(image, camera.contrast / _GAMMA)
    if camera.demosaic and not camera.monochrome:
        image = _demosaic(image)
    if camera.denoise:
        image = cv2.bilateralFilter(image, 5, 0.12, 1.2)
    if camera.sharpening:
        image = image + np.float32(camera.sharpening) * (image - cv2.GaussianBlur(image, (0, 0), camera.halo_radius))
    return cv2.convertScaleAbs(np.maximum(image, 0), alpha=255)


def _demosaic(image: np.ndarray) -> np.ndarray:
    """One colour per pixel, as a Bayer filter lets through, and the others interpolated."""
    levels = np.rint(image * 65535).astype(np.uint16)
    mosaic = levels[..., 1].copy()
    mosaic[::2, ::2] = levels[::2, ::2, 0]
    mosaic[1::2, 1::2] = levels[1::2, 1::2, 2]
    return cv2.cvtColor(mosaic, cv2.COLOR_BayerRGGB2RGB).astype(np.float32) / 65535
