"""From what a request holds to images of plates."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import read_image
from lpasrn_jax.reading.region import Region
from lpasrn_jax.serve.limits import Limits

RGB = UInt8[np.ndarray, "h w 3"]


class Upload(NamedTuple):
    """One image's file: what errors call it, its bytes, and the corners of the plate in it, None where the plate fills it."""

    name: str
    encoded: bytes
    corners: Float[np.ndarray, "4 2"] | None


def parse_corners(text: str | None, count: int) -> list[Float[np.ndarray, "4 2"] | None]:
    """The corners for each of `count` images, from JSON: `[[x, y] x 4]` for all of them, or a list with such a list or null each.

    Coordinates are pixels of the image as it is seen, EXIF orientation applied; the centre of its first pixel is (0, 0). Order:
    top-left, top-right, bottom-right, bottom-left.

    Raises:
      UserError: for what is neither.
    """
    if not text or not text.strip():
        return [None] * count
    try:
        corners = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"corners: not JSON ({error}); expected [[x, y], [x, y], [x, y], [x, y]]") from error
    if _is_outline(corners):
        return [np.array(corners, np.float32)] * count
    if isinstance(corners, list) and len(corners) == count and all(one is None or _is_outline(one) for one in corners):
        return [None if one is None else np.array(one, np.float32) for one in corners]
    raise UserError(
        f"corners: expected [[x, y], [x, y], [x, y], [x, y]], or a list of {count} such lists, one per image, or null"
    )


def _is_outline(value: object) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(_is_point(point) for point in value)


def _is_point(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(number, int | float) and not isinstance(number, bool) and abs(number) < 2**20 for number in value)
    )


def plates(uploads: Sequence[Upload], limits: Limits) -> Iterator[RGB]:
    """The plate of each upload, one after the other, so that of large photographs no two are held at once.

    Raises:
      UserError: naming the image, for what is no image or has corners that outline nothing; for more pixels than allowed.
    """
    pixels = 0
    for upload in uploads:
        try:
            image = read_image(upload.encoded)
            plate = Region(corners=upload.corners).cut(image, "the image")
        except UserError as error:
            raise UserError(f"{upload.name}: {error}") from error
        pixels += math.prod(image.shape[:2])
        if pixels > limits.pixels:
            raise UserError(f"the images have more than {limits.pixels} pixels together; send fewer or smaller ones")
        yield plate
