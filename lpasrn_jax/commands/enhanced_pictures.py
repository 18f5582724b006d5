"""Pictures that show an enhanced image beside the pixels that it was made from, and what was read in both."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax import images
from lpasrn_jax.frames import frame_array
from lpasrn_jax.pictures import image_grid, slot_bars, stacked
from lpasrn_jax.reading.evidence import Evidence
from lpasrn_jax.reading.reading import Reading

MAX_COMPARED = 1024  # pixels; a plate has fewer, and a picture of a whole photograph would take gigabytes


def comparison_picture(
    lr: UInt8[np.ndarray, "h w 3"], made: dict[str, UInt8[np.ndarray, "rh rw 3"]], scale: int, reading: Reading | None
) -> UInt8[np.ndarray, "ph pw 3"]:
    """LR, bicubic and what was made of it side by side, with the text read under the last.

    No SR image is shown larger than `MAX_COMPARED` a side.

    Args:
      lr: the image that was enhanced.
      made: the enhanced images by their titles, each `scale` times as large.
      scale: how many times.
      reading: of the plate, if it was read.
    """
    h, w, _ = lr.shape
    shrinking = min(1.0, MAX_COMPARED / (scale * max(h, w)))
    if shrinking < 1:
        h, w = (max(1, round(side * shrinking)) for side in (h, w))
        lr = frame_array(lr, None, (h, w))
        made = {kind: frame_array(image, None, (scale * h, scale * w)) for kind, image in made.items()}
    columns = {"LR": np.asarray(images.to_float(lr[None])), **_enlarged(lr, made, scale)}
    captions = {[*made][-1]: [reading.text]} if reading else None
    return image_grid(columns, captions=captions)


def evidence_picture(
    found: Evidence, lr: UInt8[np.ndarray, "h w 3"], made: tuple[str, UInt8[np.ndarray, "rh rw 3"]], scale: int
) -> UInt8[np.ndarray, "ph pw 3"]:
    """The pixels and what the generator made of them, what was read in each, and how far they agree on each character.

    Args:
      found: of the plate.
      lr: its image, of several the first.
      made: title and image of what the generator made of it or of all, `scale` times as large.
      scale: how many times.
    """
    title, image = made
    captions = {"bicubic": [found.pixels.text], title: [found.generator.text]}
    grid = image_grid(_enlarged(lr, {title: image}, scale), captions=captions, truth=[found.reading.text])
    bars = {"probability": [p for _, p in found.reading.slots], "from generator": found.changes}
    return stacked([grid, slot_bars(bars, found.reading.text)])


def _enlarged(
    lr: UInt8[np.ndarray, "h w 3"], made: dict[str, UInt8[np.ndarray, "rh rw 3"]], scale: int
) -> dict[str, Float[np.ndarray, "1 rh rw 3"]]:
    bicubic = np.asarray(images.bicubic_upscale(images.to_float(lr[None]), scale))
    return {"bicubic": bicubic, **{kind: np.asarray(images.to_float(image[None])) for kind, image in made.items()}}
