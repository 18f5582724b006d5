"""What reading computes, as compiled programs for images in batches of a few sizes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, UInt8

from lpasrn_jax import images
from lpasrn_jax.errors import UserError
from lpasrn_jax.models.plate_model import Params, PlateModel

BATCHES = (1, 5, 32)  # images at once: one, a track, many; smaller groups are filled up, so that nothing compiles for each count

Computation = Callable[[PlateModel, Params, Float[Array, "b h w 3"]], Array]


def _sr_log_probs(model: PlateModel, params: Params, lr: Float[Array, "b h w 3"]) -> Float[Array, "b k v"]:
    return model.log_probs(params, model.enlarge(params, lr))


def _track_sizes() -> Iterator[int]:
    """Frames at once: 1, 5, 10, 20, ...; shorter tracks are filled up."""
    yield 1
    yield from (5 * 2**i for i in itertools.count())


class ReadingPrograms:
    """A model's programs on a device.

    Args:
      model: with a generator, an OCR, or both.
      params: of its networks.
      device: where they run.

    Raises:
      UserError: from each method, for weights whose output is not finite.
    """

    def __init__(self, model: PlateModel, params: Mapping[str, Any], device: jax.Device):
        self.device = device
        self._params = jax.device_put(params, device)
        # Half precision that overflows is computed again in single precision.
        self._models = [model.with_dtype(dtype) for dtype in dict.fromkeys((model.dtype, "float32"))]
        self._enlarge = self._compiled(PlateModel.enlarge)
        self._fuse = [
            jax.jit(lambda params, frames, present, model=model: model.enlarge_track(params, images.to_float(frames), present))
            for model in self._models
        ]
        self._read_lr = self._compiled(_sr_log_probs)
        self._read_hr = self._compiled(PlateModel.log_probs)
        self._check = self._compiled(PlateModel.plate_log_odds)

    def enlarge(self, lr: Sequence[UInt8[np.ndarray, "h w 3"]]) -> Float[np.ndarray, "n rh rw 3"]:
        """SR images in [-1, 1] of images that are all of one size."""
        return self._run(self._enlarge, lr)

    def read_lr(self, lr: Sequence[UInt8[np.ndarray, "h w 3"]]) -> Float[np.ndarray, "n k v"]:
        """Slot log-probabilities of what the OCR sees in the SR images."""
        return self._run(self._read_lr, lr)

    def read_hr(self, hr: Sequence[UInt8[np.ndarray, "rh rw 3"]]) -> Float[np.ndarray, "n k v"]:
        """Slot log-probabilities of what the OCR sees in the images themselves."""
        return self._run(self._read_hr, hr)

    def plate_log_odds(self, hr: Sequence[UInt8[np.ndarray, "rh rw 3"]]) -> Float[np.ndarray, " n"]:
        """Log-odds that the images show a plate that can be read."""
        return self._run(self._check, hr)

    def enlarge_track(self, frames: UInt8[np.ndarray, "f h w 3"]) -> Float[np.ndarray, "rh rw 3"]:
        """One SR image in [-1, 1] of the registered frames of a track, the reference first."""
        missing = next(n for n in _track_sizes() if n >= len(frames)) - len(frames)
        filled = np.concatenate([frames, np.repeat(frames[:1], missing, axis=0)])
        present = np.arange(len(filled)) < len(frames)
        return self._finite(self._fuse, filled[None], present[None])[0]

    def _compiled(self, compute: Computation) -> list[Callable[[Params, UInt8[Array, "b h w 3"]], Array]]:
        """A program for each precision to try."""

        def program(model: PlateModel):
            return jax.jit(lambda params, batch: compute(model, params, images.to_float(batch)))

        return [program(model) for model in self._models]

    def _run(self, programs: Sequence[Callable[..., Array]], group: Sequence[np.ndarray]) -> np.ndarray:
        """The results for a group of at least one image, batch by batch."""
        parts = []
        for start in range(0, len(group), BATCHES[-1]):
            batch = np.stack(group[start : start + BATCHES[-1]])
            full = next(size for size in BATCHES if size >= len(batch))
            filled = np.concatenate([batch, np.repeat(batch[:1], full - len(batch), axis=0)])
            parts.append(self._finite(programs, filled)[: len(batch)])
        return np.concatenate(parts)

    def _finite(self, programs: Sequence[Callable[..., Array]], *arguments: np.ndarray) -> np.ndarray:
        for program in programs:
            result = np.asarray(program(self._params, *arguments))
            if np.isfinite(result).all():
                return result
        raise UserError("the networks' output is not finite; the weights are damaged or of another model")
