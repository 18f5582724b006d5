"""The public API: load a model, enhance an image."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from lpasrn_jax import images
from lpasrn_jax.errors import UserError
from lpasrn_jax.models.generator import Generator, create_generator
from lpasrn_jax.weights.load import load_weights

ImageLike = str | os.PathLike | Image.Image | UInt8[np.ndarray, "h w 3"]


class Reader:
    """A generator with its parameters.

    Args:
      generator: the network.
      params: its parameters.
    """

    def __init__(self, generator: Generator, params: Any):
        self._generator = generator
        self._params = params
        self._apply = jax.jit(lambda params, image: generator.apply({"params": params}, images.to_float(image)))

    @property
    def scale(self) -> int:
        """How many times as large an enhanced image is."""
        return self._generator.scale

    def enhance(self, image: ImageLike) -> UInt8[np.ndarray, "rh rw 3"]:
        """The image, `scale` times as large and legible, at any size.

        Args:
          image: a file's path, a PIL image, or RGB uint8 [h, w, 3].

        Raises:
          UserError: for a file that is no image, or an array of another shape or type.
        """
        return images.to_uint8(self._apply(self._params, _as_array(image)[None]))[0]


def load(path: str | os.PathLike) -> Reader:
    """The model of a checkpoint that training wrote, such as `runs/a/best`, or of a bundle, such as `weights/plates.safetensors`.

    Raises:
      UserError: if there is none at `path`, or it is damaged.
    """
    bundle = load_weights(path)
    return Reader(create_generator(bundle.config["model"]), bundle.params["generator"])


def _as_array(image: ImageLike) -> UInt8[np.ndarray, "h w 3"]:
    if isinstance(image, str | os.PathLike):
        try:
            with Image.open(pathlib.Path(image)) as opened:
                image = opened.convert("RGB")
        except (UnidentifiedImageError, OSError) as error:
            raise UserError(f"{image}: can't be read as an image ({error})") from error
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] != 3:
        raise UserError(f"image: {array.dtype} {array.shape} found; expected uint8 [height, width, 3]")
    return array
