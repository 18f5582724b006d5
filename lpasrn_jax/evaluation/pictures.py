"""Pictures in which a person sees what a number means."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax import images

GAP = 4  # pixels between two pictures, and around the grid
PAPER = 255


def image_grid(columns: Mapping[str, Float[np.ndarray, "b h w 3"]], *, magnify: int = 2) -> UInt8[np.ndarray, "gh gw 3"]:
    """One row an example, one titled column an entry; each is shown at the size of the largest one times `magnify`.

    Args:
      columns: images in [-1, 1] by title, the same number of each; smaller ones are enlarged with their pixels left square.
    """
    height = max(column.shape[1] for column in columns.values()) * magnify
    width = max(column.shape[2] for column in columns.values()) * magnify
    strips = [_strip(title, images.to_uint8(column), height, width) for title, column in columns.items()]
    return cv2.copyMakeBorder(np.hstack(strips), GAP, 0, GAP, 0, cv2.BORDER_CONSTANT, value=(PAPER,) * 3)


def _strip(title: str, column: UInt8[np.ndarray, "b h w 3"], height: int, width: int) -> UInt8[np.ndarray, "gh gw 3"]:
    heading = np.full((20, width, 3), PAPER, np.uint8)
    cv2.putText(heading, title, (2, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    cells = [cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST) for image in column]
    return np.vstack([_padded(part) for part in (heading, *cells)])


def _padded(part: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "ph pw 3"]:
    return cv2.copyMakeBorder(part, 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=(PAPER,) * 3)
