"""What reading computes, as compiled programs for images in batches of a few sizes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax import images
from lpasrn_jax.errors import UserError
from lpasrn_jax.models.plate_model import PlateModel
from lpasrn_jax.reading.stored_programs import StoredProgram

BATCHES = (1, 5, 32)  # images at once: one, a track, many; smaller groups are filled up, so that nothing compiles for each count

Computation = Callable[..., Any]  # of a model, its parameters, images, and what else it takes


def _of_bytes(compute: Computation) -> Computation:
    """The same of images in uint8."""
    return lambda model, params, batch, *others: compute(model, params, images.to_float(batch), *others)


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
        self._enlarge = self._programs(_of_bytes(PlateModel.enlarge), "enlarge")
        self._read = self._programs(_of_bytes(PlateModel.read), "read")
        self._fuse = self._programs(_of_bytes(PlateModel.enlarge_track), "enlarge track")
        self._read_float = self._programs(PlateModel.log_probs, "read float")

    def enlarge(self, lr: Sequence[UInt8[np.ndarray, "h w 3"]]) -> Float[np.ndarray, "n rh rw 3"]:
        """SR images in [-1, 1] of images that are all of one size."""
        return self._run(self._enlarge, lr)

    def read(
        self, hr: Sequence[UInt8[np.ndarray, "rh rw 3"]]
    ) -> tuple[Float[np.ndarray, "n k v"], Float[np.ndarray, " n"] | None]:
        """Slot log-probabilities of what the OCR sees in images of the size of HR, and the log-odds that they show a plate.

        None for the latter without a plate check.
        """
        return self._run(self._read, hr)

    def read_enlarged(self, lr: Sequence[UInt8[np.ndarray, "h w 3"]]) -> Float[np.ndarray, "n k v"]:
        """Slot log-probabilities of what the OCR sees in the SR images.

        By two programs: in one, XLA computes the generator's last step anew for each place where the OCR looks at a pixel.
        """
        return self._run(self._read_float, self.enlarge(lr))

    def read_track(self, frames: UInt8[np.ndarray, "f h w 3"]) -> Float[np.ndarray, "k v"]:
        """Slot log-probabilities of what the OCR sees in the one SR image of a track; arguments as for `enlarge_track`."""
        return self._finite(self._read_float, self.enlarge_track(frames)[None])[0]

    def enlarge_track(self, frames: UInt8[np.ndarray, "f h w 3"]) -> Float[np.ndarray, "rh rw 3"]:
        """One SR image in [-1, 1] of the registered frames of a track, the reference first."""
        missing = next(n for n in _track_sizes() if n >= len(frames)) - len(frames)
        filled = np.concatenate([frames, np.repeat(frames[:1], missing, axis=0)])
        present = np.arange(len(filled)) < len(frames)
        return self._finite(self._fuse, filled[None], present[None])[0]

    def _programs(self, compute: Computation, name: str) -> list[StoredProgram]:
        """A program for each precision to try."""
        return [StoredProgram(functools.partial(compute, model), self._params, f"{name} {model}") for model in self._models]

    def _run(self, programs: Sequence[StoredProgram], group: Sequence[np.ndarray]) -> Any:
        """The results, an array or a tree of them, for a group of at least one image, batch by batch."""
        parts = []
        for start in range(0, len(group), BATCHES[-1]):
            batch = np.stack(group[start : start + BATCHES[-1]])
            full = next(size for size in BATCHES if size >= len(batch))
            filled = np.concatenate([batch, np.repeat(batch[:1], full - len(batch), axis=0)])
            parts.append(self._finite(programs, filled))
        return jax.tree.map(lambda *arrays: np.concatenate(arrays)[: len(group)], *parts)  # only the last batch is filled up

    def _finite(self, programs: Sequence[StoredProgram], *arguments: np.ndarray) -> Any:
        for program in programs:
            result = jax.device_get(program(*arguments))
            if all(np.isfinite(array).all() for array in jax.tree.leaves(result)):
                return result
        raise UserError("the networks' output is not finite; the weights are damaged or of another model")
