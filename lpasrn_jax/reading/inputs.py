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
      image: a file's path, whose content has one of `frames.FORMATS`; a PIL image, which comes from such a file or from none; or
        an array [h, w] or [h, w, 1 to 4] (grey, grey and alpha, RGB, RGB and alpha): uint8, uint16, bool, or finite float in
        [0, 1].
      name: what errors call an image that is no file.

    Raises:
      UserError: for a file that is no image or can't be read, an array of another shape, type and range, and for a size that
        `frames.check_size` refuses, which is checked before anything is decoded.
    """
    if isinstance(image, Image.Image):
        return _from_pil(image, name)
    try:
        content = pathlib.Path(image) if isinstance(image, str | os.PathLike) else np.asarray(image)
    except Exception as error:  # of any object's own conversion
        raise _no_image(name, image) from error
    if isinstance(content, pathlib.Path):
        return frames.read_image_file(content)
    if content.dtype == object or content.ndim == 0:
        raise _no_image(name, image)
    return _from_array(content, name)


def _no_image(name: str, given: object) -> UserError:
    return UserError(f"{name}: {type(given).__qualname__} found; expected a file's path, a PIL image or a NumPy array")


def _from_pil(image: Image.Image, name: str) -> UInt8[np.ndarray, "h w 3"]:
    try:
        # What is still to be decoded is decoded by Pillow here, which for EPS is Ghostscript.
        if image.format not in (None, "MPO", *frames.FORMATS):
            formats = ", ".join(frames.FORMATS)
            raise UserError(
                f"is a {image.format} file; expected one of {formats}, or image.convert('RGB') of a file that you trust"
            )
        frames.check_size(image.height, image.width)
        with frames.one_line_damage():  # Pillow decodes late: what is damaged shows only now
            image = ImageOps.exif_transpose(image)
            is_deep = image.mode.startswith("I;16")
            if image.mode in ("I", "F"):
                raise UserError(f"has {image.mode} pixels of unknown range; expected 8 or 16 bits, or an array with a range")
            array = np.asarray(image, np.uint16) if is_deep else np.array(image.convert("RGB"))
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    return _from_array(array, name)


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
            values = "NaN or infinite values" if not np.isfinite(colours).all() else f"{colours.min()} to {colours.max()}"
            raise UserError(f"{name}: {array.dtype} with {values} found; expected {kinds}")
        colours = np.rint(colours * 255).astype(np.uint8)
    elif colours.dtype != np.uint8:
        raise UserError(f"{name}: {array.dtype} found; expected {kinds}")
    return np.array(np.broadcast_to(colours, (*colours.shape[:2], 3)))
