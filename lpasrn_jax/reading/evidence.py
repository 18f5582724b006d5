"""What a reading rests on: what the OCR reads in the pixels as they are, and in what the generator makes of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from lpasrn_jax.reading.reading import Reading


@dataclasses.dataclass(frozen=True)
class Evidence:
    """A reading, and two more of the same images with half of the evidence each.

    Attributes:
      reading: from both.
      pixels: from the images enlarged by bicubic interpolation alone.
      generator: from the generator's images alone, of several images from the one that it makes of all.
      changes: of each slot, in [0, 1], how much the reading's probabilities change when bicubic images take the place of the
        generator's: the total variation distance. Near 0 the pixels alone say as much; near 1 they say something else, and the
        character is what the generator expects of a plate.
    """

    reading: Reading
    pixels: Reading
    generator: Reading
    changes: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """The evidence in JSON's own types."""
        readings = {name: getattr(self, name).to_dict() for name in ("reading", "pixels", "generator")}
        return {**readings, "changes": list(self.changes)}


def total_variation(p: Float[np.ndarray, "k v"], q: Float[np.ndarray, "k v"]) -> tuple[float, ...]:
    """Half the sum of |p - q| over the characters of each slot: the largest difference in the probability of any event."""
    return tuple(float(distance) for distance in np.abs(p - q).sum(axis=-1) / 2)
