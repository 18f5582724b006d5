"""Whatever a plate's image comes as, to uint8 RGB."""

from __future__ import annotations

import os
import pathlib

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from lpasrn_jax import frames
from lpasrn_jax.errors import UserError

ImageLike = str | os.PathLike | Image.Image | np.ndarray


def rgb_image(image: ImageLike, name: str = "image") -> UInt8[np.ndarray, "h w 3"]:
    """An image as uint8 RGB.

    Grey becomes RGB, 16 bits become the upper 8, alpha is left out, EXIF orientation is applied, and of an animation the first
    picture is taken.

    Args:
      image: a file's path; a PIL image; or an array [h, w] or [h, w, 1 to 4] (grey, grey and alpha, RGB, RGB and alpha): uint8,
        uint16, bool, or finite float in [0, 1].
      name: what errors call an image that is no file.

    Raises:
      UserError: for a file that is no image or can't be read, an array of another shape, type or range, and for a size outside
        `frames.MIN_SIDE` and `frames.MAX_PIXELS`, which is found out before anything is decoded.
    """
    if isinstance(image, str | os.PathLike):
        return _from_file(pathlib.Path(image))
    if isinstance(image, Image.Image):
        return _from_pil(image, name)
    return _from_array(np.asarray(image), name)


def _from_file(path: pathlib.Path) -> UInt8[np.ndarray, "h w 3"]:
    encoded = frames.read_file(path, str(path))
    try:
        frames.check_image(encoded)
        return frames.decode_image(encoded)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _from_pil(image: Image.Image, name: str) -> UInt8[np.ndarray, "h w 3"]:
    try:
        frames.check_size(image.height, image.width)
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16"):
            return _from_array(np.asarray(image, np.uint16), name)
        if image.mode in ("I", "F"):
            raise UserError(
                f"has {image.mode} pixels, whose range is not known; expected 8 or 16 bits: give an array with a range instead"
            )
        return np.array(image.convert("RGB"))
    except (OSError, SyntaxError, UserError) as error:  # Pillow decodes late: what is damaged shows only now
        raise UserError(f"{name}: {error}") from error


def _from_array(array: np.ndarray, name: str) -> UInt8[np.ndarray, "h w 3"]:
    kinds = "uint8, uint16, bool or float in [0, 1]"
    grey = array[..., None] if array.ndim == 2 else array
    if grey.ndim != 3 or not 1 <= grey.shape[-1] <= 4:
        raise UserError(f"{name}: shape {array.shape} found; expected [height, width] or [height, width, 1 to 4]")
    try:
        frames.check_size(*grey.shape[:2])
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    colours = grey[..., :3] if grey.shape[-1] >= 3 else grey[..., :1]
    if colours.dtype == np.uint16:
        colours = (colours >> 8).astype(np.uint8)
    elif colours.dtype == np.bool_:
        colours = colours.astype(np.uint8) * 255
    elif np.issubdtype(colours.dtype, np.floating):
        if not (colours.min() >= 0 and colours.max() <= 1):  # NaN is neither
            found = "NaN or infinite values" if not np.isfinite(colours).all() else f"{colours.min()} to {colours.max()}"
            raise UserError(f"{name}: {array.dtype} with {found} found; expected {kinds}")
        colours = np.rint(colours * 255).astype(np.uint8)
    elif colours.dtype != np.uint8:
        raise UserError(f"{name}: {array.dtype} found; expected {kinds}")
    return np.array(np.broadcast_to(colours, (*colours.shape[:2], 3)))
