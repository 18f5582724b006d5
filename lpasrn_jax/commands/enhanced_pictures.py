"""Pictures that show an enhanced image beside the pixels that it was made from, each with what was read in it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8

from lpasrn_jax import images
from lpasrn_jax.frames import frame_array
from lpasrn_jax.pictures import image_grid, slot_bars, stacked, text_line
from lpasrn_jax.reading.evidence import Evidence
from lpasrn_jax.reading.reading import Reading
from lpasrn_jax.wording import counted

MAX_COMPARED = 1024  # pixels; a plate has fewer, and a picture of a whole photograph would take gigabytes


def compared_images(
    lr: UInt8[np.ndarray, "h w 3"], made: Mapping[str, UInt8[np.ndarray, "rh rw 3"]], scale: int
) -> dict[str, UInt8[np.ndarray, "_h _w 3"]]:
    """LR, its bicubic enlargement and the enhanced images by their titles, none larger than `MAX_COMPARED` a side.

    Args:
      lr: the image that was enhanced.
      made: the enhanced images by their titles, each `scale` times as large.
      scale: how many times.
    """
    h, w, _ = lr.shape
    shrinking = min(1.0, MAX_COMPARED / (scale * max(h, w)))
    if shrinking < 1:
        h, w = (max(1, round(side * shrinking)) for side in (h, w))
        lr = frame_array(lr, None, (h, w))
        made = {title: frame_array(image, None, (scale * h, scale * w)) for title, image in made.items()}
    bicubic = images.to_uint8(images.bicubic_upscale(images.to_float(lr[None]), scale))[0]
    return {"LR": lr, "bicubic": bicubic, **made}


def comparison_picture(
    compared: Mapping[str, UInt8[np.ndarray, "_h _w 3"]], readings: Mapping[str, Reading], plate: Reading | None
) -> UInt8[np.ndarray, "ph pw 3"]:
    """Images side by side, under each the text that was read in it, and below them on a line of its own the plate's reading.

    Args:
      compared: images by title, see `compared_images`.
      readings: of the images themselves, by title; an image may have none.
      plate: the reading of the plate from all its images, if it was read.
    """
    columns = {title: np.asarray(images.to_float(image[None])) for title, image in compared.items()}
    captions = {title: [reading.text] for title, reading in readings.items()}
    grid = image_grid(columns, captions=captions)
    return stacked([grid, text_line(_plate_line(plate))]) if plate else grid


def _plate_line(reading: Reading) -> str:
    return f"plate, {reading.source}, {counted(reading.frames, 'image')}: {reading}"


def evidence_picture(
    evidence: Evidence, lr: UInt8[np.ndarray, "h w 3"], made: tuple[str, UInt8[np.ndarray, "rh rw 3"]], scale: int
) -> UInt8[np.ndarray, "ph pw 3"]:
    """The pixels and what the generator made of them, what was read in each, and how far they agree on each character.

    Args:
      evidence: of the plate.
      lr: its image, of several the first.
      made: title and image of what the generator made of it or of all, `scale` times as large.
      scale: how many times.
    """
    title, image = made
    bicubic = images.bicubic_upscale(images.to_float(lr[None]), scale)
    columns = {"bicubic": np.asarray(bicubic), title: np.asarray(images.to_float(image[None]))}
    captions = {"bicubic": [evidence.pixels.text], title: [evidence.generator.text]}
    grid = image_grid(columns, captions=captions, truth=[evidence.reading.text])
    bars = {"probability": [p for _, p in evidence.reading.slots], "from generator": evidence.changes}
    return stacked([grid, slot_bars(bars, evidence.reading.text)])
