"""Tensors as they come out of a file: their paths, types, values and sizes, checked before a network meets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lpasrn_jax.errors import UserError

STORED = (np.dtype(np.float32), np.dtype(np.float16))
MAX_BYTES = 2**31  # of a model's parameters in float32: 500 million of them


def check_size(what: str, size: int) -> None:
    """Refuses a file, or the tensors that one declares, above the limit.

    Raises:
      UserError: for more than `MAX_BYTES`.
    """
    if size > MAX_BYTES:
        raise UserError(f"{what}: {size} bytes found; expected at most {MAX_BYTES}, which is more than any model here has")


def check_tensors(what: str, tensors: Mapping[str, Any]) -> None:
    """Checks the arrays that a model's parameters are made of.

    Args:
      what: the file, for the message.
      tensors: arrays by path, the network's name first, such as `generator/deep_conv/bias`.

    Raises:
      UserError: for a path without a network or inside another tensor's path, another type than those of
        `STORED`, and for values that are
        not finite.
    """
    for path, tensor in tensors.items():
        parts = path.split("/")
        inside = {"/".join(parts[:end]) for end in range(1, len(parts))} & tensors.keys()
        if len(parts) < 2 or not all(parts) or inside:
            raise UserError(f"{what}: {path!r} found; expected paths such as 'generator/deep_conv/bias'")
        if tensor.dtype not in STORED:
            raise UserError(f"{what}: {path} is {tensor.dtype}; expected {' or '.join(map(str, STORED))}")
        check_finite(what, path, tensor)


def check_finite(what: str, path: str, tensor: Any) -> None:
    """Refuses values that are NaN or infinite.

    Raises:
      UserError: naming the tensor.
    """
    if not np.isfinite(tensor).all():
        raise UserError(f"{what}: {path} holds values that are not finite; the training that wrote it had diverged")
