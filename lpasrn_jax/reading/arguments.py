"""Arguments of the public API: what is of another kind than expected is named at once, and not where it happens to fail."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image

from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.reading.reading import SOURCES


def check_kind(name: str, value: Any, kinds: type | tuple[type, ...], expected: str) -> None:
    """Refuses a value that is not of one of the kinds; a truth value is no number.

    Raises:
      UserError: naming the argument, its type and what was expected.
    """
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise UserError(f"{name}: {type(value).__qualname__} found; expected {expected}")


def candidate_masks(plate_format: PlateFormat, layout: Any) -> Bool[np.ndarray, "l k v"]:
    """The masks of the layouts that a plate may have: the one with that name, or all for None.

    Raises:
      UserError: for what is neither the name of a layout nor None.
    """
    check_kind("layout", layout, (str, type(None)), "the name of a layout, such as 'Mercosur', or None")
    masks = plate_format.layout_masks()
    try:
        return masks if layout is None else masks[[plate_format.layout_index(layout)]]
    except ValueError as error:
        raise UserError(str(error)) from error


def check_source(source: Any) -> None:
    """Refuses what is no source of a reading.

    Raises:
      UserError: for an unknown name.
    """
    if source not in SOURCES:
        raise UserError(f"source: {source!r} found; expected one of {', '.join(SOURCES)}")


def check_images(name: str, images: Any) -> Iterable[Any]:
    """The images to iterate over.

    Raises:
      UserError: for one image in the place of many, and for what holds none.
    """
    is_pixels = isinstance(images, np.ndarray) and (images.ndim < 3 or (images.ndim == 3 and images.shape[-1] <= 4))
    if isinstance(images, str | bytes | os.PathLike | Image.Image) or is_pixels:
        raise UserError(f"{name}: one {type(images).__qualname__} found; expected a list of images: give [image] for one")
    if isinstance(images, Mapping) or not isinstance(images, Iterable):
        raise UserError(f"{name}: {type(images).__qualname__} found; expected a list of images")
    return images
