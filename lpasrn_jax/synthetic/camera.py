"""A surveillance camera: from a plate on a car to a frame, in linear light as far as the sensor, then as the camera codes it.

Optics (perspective, rain, blur), sensor (area sampling, noise), processing (sharpening, tone curve, JPEG).
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax.synthetic.pose import View
from lpasrn_jax.synthetic.scene import MARGIN_X, MARGIN_Y, PLATE_CORNERS, SCENE_HEIGHT, SCENE_WIDTH

_GAMMA = 2.2


@dataclasses.dataclass(frozen=True)
class Camera:
    """One camera at one time of day: what the frames of a track have in common.

    Args:
      exposure: linear level that the mean of the plate comes to; 1 is the sensor's full well.
      white_balance: gain of R, G and B.
      contrast: exponent of the tone curve after gamma; 1 leaves it.
      softness: how far out of focus, 0 to 1 in the range of `Quality.defocus`.
      noise_gain: factor on the sensor's noise.
      sharpening: weight of the unsharp mask.
      monochrome: an infrared camera's picture.
      veil: share of the light that mist or rain scatters into the picture.
      rain: streaks for each 1000 square pixels of a frame.
      bloom: share of the light that spreads around bright places at night.
    """

    exposure: float
    white_balance: tuple[float, float, float]
    contrast: float
    softness: float
    noise_gain: float
    sharpening: float
    monochrome: bool = False
    veil: float = 0.0
    rain: float = 0.0
    bloom: float = 0.0


@dataclasses.dataclass(frozen=True)
class Quality:
    """What tells a far frame from a near one; lengths in pixels of the frame.

    Args:
      oversampling: optics are computed on a grid this many times finer than the sensor.
      scene_scale: size at which the scene is sampled; about the plate's height on the fine grid over its height in the scene.
      defocus: range of the blur's standard deviation.
      motion: longest smear.
      shot_noise, read_noise: variance at full well and standard deviation in the dark.
      jpeg: range of the JPEG quality.
    """

    oversampling: int
    scene_scale: float
    defocus: tuple[float, float]
    motion: float
    shot_noise: float
    read_noise: float
    jpeg: tuple[int, int]


LR = Quality(4, 0.5, (0.15, 0.7), 1.5, 1e-3, 4e-3, (45, 95))
HR = Quality(3, 0.65, (0.15, 0.5), 0.7, 1.5e-4, 1.5e-3, (85, 97))


def random_camera(rng: np.random.Generator, *, adverse: bool) -> Camera:
    """A camera by day, or (`adverse`) at night, in rain, or both."""
    warmth, tint = rng.normal(0, 0.1), rng.normal(0, 0.04)
    settings = {
        "exposure": float(np.exp(rng.uniform(np.log(0.07), np.log(0.6)))),
        "white_balance": tuple(float(v) for v in np.exp([warmth, tint, -warmth])),
        "contrast": rng.uniform(0.9, 1.45),
        "softness": rng.random(),
        "noise_gain": float(np.exp(rng.normal(0, 0.4))),
        "sharpening": max(0.0, rng.normal(0.2, 0.35)),
    }
    if not adverse:
        return Camera(**settings, veil=rng.beta(1, 25))
    kind = rng.choice(("night", "rain", "rainy night"))
    if "night" in kind:
        settings["exposure"] = float(np.exp(rng.uniform(np.log(0.03), np.log(0.35))))
        settings["noise_gain"] *= rng.uniform(1.2, 2.5)
        settings |= {"bloom": rng.uniform(0, 0.35), "monochrome": bool(rng.random() < 0.3)}
    if "rain" in kind:
        settings |= {"rain": rng.uniform(2, 14), "veil": rng.uniform(0.02, 0.3)}
    return Camera(**settings)


def linear_scene(scene: Float[np.ndarray, "sh sw 3"], quality: Quality) -> Float[np.ndarray, "h w 3"]:
    """The scene in linear light, reduced to the size that frames of a quality are sampled from."""
    small = cv2.resize(scene, None, fx=quality.scene_scale, fy=quality.scene_scale, interpolation=cv2.INTER_AREA)
    return small**_GAMMA


def capture(
    light: Float[np.ndarray, "h w 3"], view: View, camera: Camera, quality: Quality, rng: np.random.Generator
) -> UInt8[np.ndarray, "fh fw 3"]:
    """One frame.

    Args:
      light: result of `linear_scene` for the same quality.
      view: the frame's size and where the plate's corners go.
      camera: common to the frames of a track.
      quality: `LR` or `HR`.
      rng: draws this frame's blur, noise and rain.

    Returns:
      uint8 RGB of the view's size, before it is written to a file.
    """
    image = _warp(light, view, quality)
    image *= np.float32(camera.white_balance) * np.float32(_gain(light, camera) * rng.normal(1, 0.04))
    image = _weather(image, camera, quality.oversampling, rng)
    image = _blur(image, camera, quality, rng)
    image = cv2.resize(image, (view.width, view.height), interpolation=cv2.INTER_AREA)
    variance = camera.noise_gain * (quality.shot_noise * np.maximum(image, 0) + camera.noise_gain * quality.read_noise**2)
    image += np.sqrt(variance) * rng.standard_normal(image.shape, dtype=np.float32)
    return _develop(image, camera)


def compress(image: UInt8[np.ndarray, "h w 3"], quality: Quality, rng: np.random.Generator) -> bytes:
    """The frame as JPEG bytes, of a quality drawn from the range."""
    level = int(rng.integers(quality.jpeg[0], quality.jpeg[1] + 1))
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, level])[1].tobytes()


def _warp(light: np.ndarray, view: View, quality: Quality) -> np.ndarray:
    fine = quality.oversampling
    source = np.float32((PLATE_CORNERS + 0.5) * quality.scene_scale - 0.5)
    target = np.float32((view.corners + 0.5) * fine - 0.5)
    matrix = cv2.getPerspectiveTransform(source, target)
    size = (view.width * fine, view.height * fine)
    return cv2.warpPerspective(light, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _gain(light: np.ndarray, camera: Camera) -> float:
    """Automatic exposure on the plate."""
    h, w, _ = light.shape
    y, x = h * MARGIN_Y // SCENE_HEIGHT, w * MARGIN_X // SCENE_WIDTH
    return camera.exposure / max(float(light[y : h - y, x : w - x].mean()), 1e-3)


def _weather(image: np.ndarray, camera: Camera, fine: int, rng: np.random.Generator) -> np.ndarray:
    h, w, _ = image.shape
    if camera.bloom:
        image += camera.bloom * cv2.GaussianBlur(np.maximum(image - 0.2, 0), (0, 0), 2.5 * fine)
        x, y = rng.uniform(0, w), rng.uniform(0, h)
        distance = np.hypot(np.arange(w) - x, np.arange(h)[:, None] - y) / (w * rng.uniform(0.3, 1.5))
        image *= (0.5 + np.exp(-(distance**2)))[..., None].astype(np.float32)  # the lamp lights a part of the car
    if camera.rain:
        streaks = np.zeros((h, w), np.float32)
        lean = rng.normal(0, 0.15)
        for _ in range(rng.poisson(camera.rain * h * w / (1000 * fine**2))):
            x, y, length = rng.uniform(0, w), rng.uniform(-0.3 * h, h), rng.uniform(0.1, 0.6) * h
            end = (round(x + lean * length), round(y + length))
            cv2.line(streaks, (round(x), round(y)), end, float(rng.uniform(0.1, 0.5)), int(rng.integers(1, fine)))
        streaks = cv2.GaussianBlur(streaks, (0, 0), 0.3 * fine)[..., None]
        image += streaks * (image.mean() * 1.5 - image * 0.5)
    return image + camera.veil * (np.float32(camera.exposure) - image)


def _blur(image: np.ndarray, camera: Camera, quality: Quality, rng: np.random.Generator) -> np.ndarray:
    fine = quality.oversampling
    softness = np.clip(camera.softness + rng.normal(0, 0.2), 0, 1)
    image = cv2.GaussianBlur(image, (0, 0), fine * float(np.interp(softness, (0, 1), quality.defocus)))
    length = fine * quality.motion * rng.uniform(0, 1) ** 2
    if length < 1:
        return image
    reach = int(np.ceil(length / 2))
    angle = rng.uniform(0, np.pi)
    step = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    start, end = (np.round((reach + sign * step) * 16).astype(int) for sign in (-1, 1))
    cv2.line(kernel, start.tolist(), end.tolist(), 255, 1, cv2.LINE_AA, 4)
    kernel = kernel.astype(np.float32)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _develop(image: np.ndarray, camera: Camera) -> np.ndarray:
    if camera.monochrome:
        image = np.repeat(image.mean(2, keepdims=True), 3, axis=2)
    image = np.clip(image, 0, 1) ** np.float32(camera.contrast / _GAMMA)
    if camera.sharpening:
        image += camera.sharpening * (image - cv2.GaussianBlur(image, (0, 0), 1))
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
