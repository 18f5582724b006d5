"""Images of the shape of a plate that show none, or none that can be read: what a detector and a hurried hand cut out."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from lpasrn_jax.plates import DIGIT, DIGITS, LETTER, LETTERS, PlateFormat
from lpasrn_jax.synthetic import scene
from lpasrn_jax.synthetic.coding import code_jpeg
from lpasrn_jax.synthetic.plate import draw_plate
from lpasrn_jax.synthetic.ranges import RANGES, Range

HEIGHT = Range(12, 60, power=1.5)  # pixels of the image
ASPECT = Range(2.0, 4.5)  # width over height
AROUND = 8  # pixels of bodywork around a plate that fills its image

RGB = UInt8[np.ndarray, "h w 3"]
Part = UInt8[np.ndarray, "ph pw 3"]  # of another size than the picture that it is made from


def draw_no_plate(plate_format: PlateFormat, rng: np.random.Generator) -> RGB:
    """An image that holds no plate of the format, of a kind at random: textures, bodywork, signs, plates that are far, cut,
    turned, of two lines, or of another length."""
    draw = list(KINDS.values())[rng.integers(len(KINDS))]
    return draw(plate_format, rng)


def _texture(_: PlateFormat, rng: np.random.Generator) -> RGB:
    """Nothing, noise of any grain, or stripes."""
    h = round(HEIGHT.draw(rng))
    w = round(h * ASPECT.draw(rng))
    y, x = np.mgrid[:h, :w].astype(np.float32)
    picture = np.full((h, w, 3), rng.uniform(0, 255), np.float32)
    picture += (rng.uniform(-80, 80) * (x / w - 0.5) + rng.uniform(-80, 80) * (y / h - 0.5))[..., None]
    kind = rng.integers(3)
    if kind == 1:
        noise = rng.normal(0, 1, (h, w, 3 if rng.random() < 0.5 else 1)).astype(np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.1, 6)).reshape(h, w, -1)
        picture += noise / noise.std() * rng.uniform(5, 80)
    elif kind == 2:
        angle, period = rng.uniform(0, np.pi), rng.uniform(2, 20)
        stripes = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
        picture += (rng.uniform(20, 100) * (np.sign(stripes) if rng.random() < 0.5 else stripes))[..., None]
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def _bodywork(_: PlateFormat, rng: np.random.Generator) -> RGB:
    """A part of a car with edges, lamps and badges."""
    body = _painted(rng)
    height, width, _ = body.shape
    h = int(height * rng.uniform(0.2, 0.8))
    w = min(width, int(h * ASPECT.draw(rng)))
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    part = np.ascontiguousarray(body[top : top + h, left : left + w])
    for _ in range(rng.integers(0, 8)):
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        one, other = (tuple(int(value) for value in rng.integers(0, (w, h))) for _ in range(2))
        if rng.random() < 0.5:
            cv2.line(part, one, other, colour, int(rng.integers(1, 12)))
        else:
            cv2.circle(part, one, int(rng.integers(3, h)), colour, -1 if rng.random() < 0.4 else 4)
    return _seen(part, rng)


def _far(plate_format: PlateFormat, rng: np.random.Generator) -> RGB:
    """A plate that fills a small part of the image only."""
    mounted = _mounted(plate_format, rng)
    h, w, _ = mounted.shape
    around = cv2.resize(_painted(rng), None, fx=rng.uniform(3, 8), fy=rng.uniform(3, 8))
    height, width = max(around.shape[0], h), max(around.shape[1], w)
    around = cv2.resize(around, (width, height))
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    around[top : top + h, left : left + w] = mounted
    return _seen(around, rng, aspect=ASPECT.draw(rng))


def _other_length(plate_format: PlateFormat, rng: np.random.Generator) -> RGB:
    """A plate of fewer or more characters."""
    lengths = [n for n in range(3, plate_format.length + 3) if n != plate_format.length]
    pattern = "".join(rng.choice([LETTER, DIGIT], rng.choice(lengths)))
    plate = draw_plate(_text(pattern, plate_format, rng), "", pattern, RANGES.plate, rng)
    return _seen(_close(scene.mount_on_car(scene.age_plate(plate, RANGES.plate, rng), RANGES.plate, rng)), rng)


def _turned(plate_format: PlateFormat, rng: np.random.Generator) -> RGB:
    """A plate upside down, in a mirror, or on its side."""
    plate = _close(_mounted(plate_format, rng))
    turned = (plate[::-1, ::-1], plate[:, ::-1], np.rot90(plate))[rng.integers(3)]
    return _seen(np.ascontiguousarray(turned), rng, aspect=ASPECT.draw(rng))


def _cut(plate_format: PlateFormat, rng: np.random.Generator) -> RGB:
    """A half of a plate."""
    plate = _close(_mounted(plate_format, rng))
    h, w, _ = plate.shape
    part = rng.uniform(0.4, 0.62)
    halves = (plate[:, : int(part * w)], plate[:, int((1 - part) * w) :], plate[: h // 2], plate[h // 2 :])
    return _seen(np.ascontiguousarray(halves[rng.integers(4)]), rng, aspect=ASPECT.draw(rng))


def _sign(plate_format: PlateFormat, rng: np.random.Generator) -> RGB:
    """Other writing: words, numbers, and texts of another length than a plate's."""
    lengths = [n for n in range(1, plate_format.length + 6) if n != plate_format.length]
    characters = list(LETTERS + LETTERS.lower() + DIGITS + "- ")
    return _written(["".join(rng.choice(characters, rng.choice(lengths)))], ASPECT.draw(rng), rng)


def _two_lines(plate_format: PlateFormat, rng: np.random.Generator) -> RGB:
    """A motorcycle's plate."""
    pattern = plate_format.layouts[rng.integers(len(plate_format.layouts))][1]
    text = _text(pattern, plate_format, rng)
    return _written([text[: len(text) // 2], text[len(text) // 2 :]], rng.uniform(1.2, 3), rng)


KINDS: dict[str, Callable[[PlateFormat, np.random.Generator], RGB]] = {
    "texture": _texture,
    "bodywork": _bodywork,
    "far": _far,
    "other length": _other_length,
    "turned": _turned,
    "cut": _cut,
    "sign": _sign,
    "two lines": _two_lines,
}


def _text(pattern: str, plate_format: PlateFormat, rng: np.random.Generator) -> str:
    alphabet = np.array(list(plate_format.alphabet))
    return "".join(rng.choice(alphabet[plate_format.kind_mask(kind)]) for kind in pattern)


def _mounted(plate_format: PlateFormat, rng: np.random.Generator) -> RGB:
    layout, pattern = plate_format.layouts[rng.integers(len(plate_format.layouts))]
    plate = draw_plate(_text(pattern, plate_format, rng), layout, pattern, RANGES.plate, rng)
    return scene.mount_on_car(scene.age_plate(plate, RANGES.plate, rng), RANGES.plate, rng)


def _close(mounted: RGB) -> Part:
    (left, top), (right, bottom) = (scene.PLATE_CORNERS[i].astype(int) for i in (0, 2))
    return mounted[top - AROUND : bottom + AROUND, left - AROUND : right + AROUND]


def _painted(rng: np.random.Generator) -> RGB:
    return (np.clip(scene.bodywork(rng), 0, 1) * 255).astype(np.uint8)


def _written(lines: list[str], aspect: float, rng: np.random.Generator) -> RGB:
    """Lines of text on one colour."""
    h = 128
    w = int(h * aspect)
    ground = rng.integers(0, 256, 3)
    image = Image.new("RGB", (w, h), tuple(int(value) for value in ground))
    ink = tuple(int(value) for value in (ground + rng.integers(90, 160, 3)) % 256)
    draw = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        size = h / len(lines) * rng.uniform(0.5, 0.8)
        left, _, right, _ = draw.textbbox((0, 0), line, font=ImageFont.load_default(size))
        font = ImageFont.load_default(max(6.0, size * min(1.0, 0.95 * w / max(right - left, 1))))
        draw.text((w / 2, (i + 0.5) * h / len(lines)), line, font=font, fill=ink, anchor="mm")
    return _seen(np.asarray(image), rng)


def _seen(picture: RGB, rng: np.random.Generator, aspect: float | None = None) -> Part:
    """The picture as a poor camera gives it: blurred, small, noisy and coded."""
    h = round(HEIGHT.draw(rng))
    w = max(h, round(h * (aspect or picture.shape[1] / picture.shape[0])))
    blurred = cv2.GaussianBlur(picture, (0, 0), max(0.1, rng.uniform(0.3, 0.8) * picture.shape[0] / h))
    small = cv2.resize(blurred, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = small * rng.uniform(0.6, 1.2) + rng.uniform(-20, 20) + rng.normal(0, rng.uniform(0, 8), small.shape)
    return code_jpeg(np.clip(small, 0, 255).astype(np.uint8), int(rng.integers(35, 95)))
