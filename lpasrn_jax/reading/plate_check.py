"""Whether an image shows a plate that can be read: by its size and shape, and by what the OCR sees in it."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax.frames import frame_array
from lpasrn_jax.models.plate_model import PlateModel
from lpasrn_jax.reading.inputs import ImageLike, rgb_image
from lpasrn_jax.reading.reading import Reading
from lpasrn_jax.reading.region import Region
from lpasrn_jax.wording import counted

# Width over height of what may be a plate, over that of the images that the networks were trained on. A plate seen from the side
# is nearly square in its crop; so are most photographs of whole cars.
SHAPES = (0.4, 2.2)
MIN_HEIGHT, MIN_SLOT_WIDTH = 7, 3  # pixels; characters that are smaller are three rows of dots

UNSEEN = "the OCR sees no plate in it that could be read"

RGB = UInt8[np.ndarray, "h w 3"]
LogOdds = Float[np.ndarray, " n"]


def shape_reason(height: int, width: int, model: PlateModel) -> str:
    """Why an image of that many pixels is not one that a plate fills; empty where it may be."""
    slots = min(len(pattern) for _, pattern in model.plate_format.layouts)
    least = slots * MIN_SLOT_WIDTH
    if height < MIN_HEIGHT or width < least:
        plate = counted(slots, "character")
        return f"{width} x {height} pixels are too few for {plate}; expected at least {least} x {MIN_HEIGHT}"
    trained = model.lr_size[1] / model.lr_size[0]
    narrow, wide = (trained * factor for factor in SHAPES)
    if not narrow <= width / height <= wide:
        return (
            f"an image of {width} x {height} pixels has not the shape of a plate, {narrow:.1f} to {wide:.1f} times as wide as "
            "high; cut the plate out with a box or its corners"
        )
    return ""


class PlateImages:
    """Images of plates at the sizes that the networks see.

    Args:
      many: as `Reader.read` takes them; each is brought to size as it comes, and not held.
      region: where in each of them the plate is.
      model: that reads them.

    Attributes:
      fitted: at the size that the OCR sees.
      small: by number, at the size of LR, those with no more pixels than that. A larger one would have to be shrunk for the
        generator and would lose what that can only guess.
    """

    def __init__(self, many: Iterable[ImageLike], region: Region, model: PlateModel):
        self._model = model
        self._sizes: list[tuple[int, int]] = []
        self.fitted: list[RGB] = []
        self.small: dict[int, RGB] = {}
        limit = math.prod(model.lr_size) if "generator" in model.networks else 0
        for i, image in enumerate(many):
            plate = region.cut(rgb_image(image, f"image {i}"), f"image {i}")
            self._sizes.append(plate.shape[:2])
            self.fitted.append(frame_array(plate, None, model.hr_size))
            if math.prod(plate.shape[:2]) <= limit:
                self.small[i] = frame_array(plate, None, model.lr_size)

    def reasons(self, log_odds: LogOdds | None) -> list[str]:
        """Of each image by itself, why it shows no plate that can be read; empty where it does.

        Args:
          log_odds: of the fitted images, from weights that have a plate check.
        """
        shapes = [shape_reason(height, width, self._model) for height, width in self._sizes]
        seen = np.ones(len(shapes)) if log_odds is None else log_odds
        return [reason or ("" if odds > 0 else UNSEEN) for reason, odds in zip(shapes, seen, strict=True)]

    def track_reason(self, log_odds: LogOdds | None) -> str:
        """Why the images together show no plate: the shape of most of them, or what the OCR sees in their mean."""
        against = [reason for reason in self.reasons(None) if reason]
        if 2 * len(against) > len(self._sizes):
            return statistics.mode(against)
        return "" if log_odds is None or log_odds.mean() > 0 else UNSEEN


def mark_no_plate(reading: Reading, reason: str) -> Reading:
    """The reading, marked as no plate if there is a reason."""
    return dataclasses.replace(reading, is_plate=False, reason=reason) if reason else reading
