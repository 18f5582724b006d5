"""The networks that read, as compiled programs for images in batches of a few sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from lpasrn_jax import images
from lpasrn_jax.errors import UserError
from lpasrn_jax.models.generator import create_generator
from lpasrn_jax.models.ocr import create_ocr
from lpasrn_jax.weights.bundle import Bundle

BATCHES = (1, 5, 32)  # images at once: one, a track, many; smaller groups are filled up, so that nothing compiles for each count

Program = Callable[..., Array]


class ReadingNetworks:
    """A bundle's generator and OCR on a device.

    Args:
      bundle: weights of a generator, an OCR, or both.
      device: where they run.
    """

    def __init__(self, bundle: Bundle, device: jax.Device):
        self.names = tuple(sorted(bundle.params))
        self.device = device
        self._params = jax.device_put(bundle.params, device)
        self._model = bundle.config["model"]
        self._plate_format = bundle.plate_format
        self._enlarge = jax.jit(self._enlarged, static_argnames="dtype")
        self._read_lr = jax.jit(self._lr_log_probs, static_argnames="dtype")
        self._read_hr = jax.jit(self._hr_log_probs, static_argnames="dtype")

    def enlarge(self, lr: Sequence[UInt8[np.ndarray, "h w 3"]]) -> Float[np.ndarray, "n rh rw 3"]:
        """SR images in [-1, 1] of images that are all of one size."""
        return self._run(self._enlarge, lr)

    def read_lr(self, lr: Sequence[UInt8[np.ndarray, "h w 3"]]) -> Float[np.ndarray, "n k v"]:
        """Slot log-probabilities of what the OCR sees in the SR images."""
        return self._run(self._read_lr, lr)

    def read_hr(self, hr: Sequence[UInt8[np.ndarray, "rh rw 3"]]) -> Float[np.ndarray, "n k v"]:
        """Slot log-probabilities of what the OCR sees in the images themselves."""
        return self._run(self._read_hr, hr)

    def _run(self, program: Program, group: Sequence[np.ndarray]) -> np.ndarray:
        """A program's results for a group of at least one image, batch by batch."""
        parts = []
        for start in range(0, len(group), BATCHES[-1]):
            batch = np.stack(group[start : start + BATCHES[-1]])
            full = next(size for size in BATCHES if size >= len(batch))
            filled = np.concatenate([batch, np.repeat(batch[:1], full - len(batch), axis=0)])
            parts.append(self._finite(program, filled)[: len(batch)])
        return np.concatenate(parts)

    def _finite(self, program: Program, batch: UInt8[np.ndarray, "b h w 3"]) -> np.ndarray:
        """A program's result; half precision that overflows is computed again in single precision."""
        for dtype in dict.fromkeys((self._model["dtype"], "float32")):
            result = np.asarray(program(self._params, batch, dtype=dtype))
            if np.isfinite(result).all():
                return result
        raise UserError("the networks' output is not finite; the weights are damaged or of another model")

    def _enlarged(self, params: dict[str, Any], lr: UInt8[Array, "b h w 3"], dtype: str) -> Float[Array, "b rh rw 3"]:
        generator = create_generator({**self._model, "dtype": dtype})
        return generator.apply({"params": params["generator"]}, images.to_float(lr))

    def _slots(self, params: dict[str, Any], hr: Float[Array, "b rh rw 3"], dtype: str) -> Float[Array, "b k v"]:
        ocr = create_ocr(self._model["ocr"], self._plate_format, dtype)
        return jax.nn.log_softmax(ocr.apply({"params": params["ocr"]}, hr).slots.astype(jnp.float32))

    def _lr_log_probs(self, params: dict[str, Any], lr: UInt8[Array, "b h w 3"], dtype: str) -> Float[Array, "b k v"]:
        return self._slots(params, self._enlarged(params, lr, dtype), dtype)

    def _hr_log_probs(self, params: dict[str, Any], hr: UInt8[Array, "b rh rw 3"], dtype: str) -> Float[Array, "b k v"]:
        return self._slots(params, images.to_float(hr), dtype)
