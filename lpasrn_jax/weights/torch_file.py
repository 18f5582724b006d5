"""Tensors out of a PyTorch checkpoint or a safetensors file, without ever running code from it."""

from __future__ import annotations

import os
import pathlib
import pickle
import warnings
from collections.abc import Mapping
from typing import Any

import ml_dtypes  # noqa: F401  teaches NumPy bfloat16
import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from lpasrn_jax.errors import UserError

GENERATOR_ENTRY = "generator_state_dict"  # where the PyTorch LP-ASRN keeps its generator


def read_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a network, float32 by `state_dict` key.

    Args:
      path: a `.safetensors` file, or a PyTorch checkpoint: an LP-ASRN one with `generator_state_dict`, or a bare `state_dict`.

    Raises:
      UserError: for a file that is missing, truncated, not of these kinds, or holds anything but data; and for a `.pth` file
        where PyTorch is not installed.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.suffix == ".safetensors":
        try:
            tensors = safetensors.numpy.load_file(path)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: not a whole safetensors file ({error})") from error
    else:
        tensors = _read_pickle(path)
    # DataParallel and torch.compile put a word in front of every key.
    tensors = {
        key.removeprefix("module.").removeprefix("_orig_mod."): np.asarray(value, np.float32) for key, value in tensors.items()
    }
    broken = [key for key, value in tensors.items() if not np.isfinite(value).all()]
    if broken:
        raise UserError(f"{path}: {broken[0]} holds values that are not finite; the training that wrote it had diverged")
    return tensors


def _read_pickle(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"{path}: reading a PyTorch file needs PyTorch; install it (pip install 'lpasrn-jax[parity]'), "
            "or save the state_dict as .safetensors where it is installed"
        ) from error
    try:
        # weights_only: tensors and plain containers, nothing that a file could make us call.
        with warnings.catch_warnings(action="ignore"):  # of pickles by other hands, which are refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: not a PyTorch file, or one that holds more than tensors and plain values; it was not read. Where you trust "
            "it, save torch.load(...)['generator_state_dict'] on its own and convert that"
        ) from error
    except Exception as error:  # a damaged pickle fails in more ways than can be listed
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: not a whole PyTorch file ({reason})") from error
    if isinstance(content, Mapping) and isinstance(content.get(GENERATOR_ENTRY), Mapping):
        content = content[GENERATOR_ENTRY]
    return {key: _to_numpy(value) for key, value in _tensors_of(path, content, torch.Tensor).items()}


def _tensors_of(path: pathlib.Path, content: Any, tensor_type: type) -> Mapping[str, Any]:
    is_state_dict = isinstance(content, Mapping) and content and all(isinstance(value, tensor_type) for value in content.values())
    if is_state_dict:
        return content
    found = f"entries {', '.join(map(str, list(content)[:5]))}" if isinstance(content, Mapping) else type(content).__name__
    raise UserError(f"{path}: {found} found; expected {GENERATOR_ENTRY!r}, or a state_dict of tensors")


def _to_numpy(tensor: Any) -> np.ndarray:
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()  # NumPy has no bfloat16
