"""Tensors out of a PyTorch checkpoint or a safetensors file, without ever running code from it."""

from __future__ import annotations

import os
import pathlib
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import ml_dtypes  # noqa: F401  teaches NumPy bfloat16
import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from lpasrn_jax.errors import UserError
from lpasrn_jax.weights.tensors import check_finite, check_size

GENERATOR_ENTRY = "generator_state_dict"  # where the PyTorch LP-ASRN keeps its generator


def read_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a network, float32 by `state_dict` key.

    Args:
      path: a `.safetensors` file, or a PyTorch checkpoint: an LP-ASRN one with `generator_state_dict`, or a bare `state_dict`.

    Raises:
      UserError: for a file that is missing, truncated, too large, not of these kinds, or holds anything but data; for tensors
        that are not plain numbers or larger than what the file stores; and for a `.pth` file where PyTorch is not installed.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    check_size(str(path), path.stat().st_size)
    if path.suffix == ".safetensors":
        try:
            tensors = safetensors.numpy.load_file(path)
        except (SafetensorError, OSError, ValueError, TypeError) as error:
            raise UserError(f"{path}: not a whole safetensors file ({error})") from error
    else:
        tensors = _read_pickle(path)
    # DataParallel and torch.compile put a word in front of every key.
    return {key.removeprefix("module.").removeprefix("_orig_mod."): _float32(path, key, value) for key, value in tensors.items()}


def _float32(path: pathlib.Path, key: str, tensor: np.ndarray) -> np.ndarray:
    if np.issubdtype(tensor.dtype, np.complexfloating):
        raise UserError(f"{path}: {key} is {tensor.dtype}; expected real numbers")
    with np.errstate(over="ignore"):  # overflow of float64 values: `check_finite` reports it
        tensor = np.asarray(tensor, np.float32)
    check_finite(str(path), key, tensor)
    return tensor


def _read_pickle(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"{path}: reading a PyTorch file needs PyTorch; install it (pip install 'lpasrn-jax[parity]'), "
            "or save the state_dict as .safetensors where it is installed"
        ) from error
    _check_archive(path)
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
    tensors = _tensors_of(path, content, torch.Tensor)
    for key, tensor in tensors.items():
        _check_stored(path, key, tensor, torch.strided)
    check_size(f"{path} as float32", 4 * sum(tensor.numel() for tensor in tensors.values()))
    return {key: _to_numpy(tensor) for key, tensor in tensors.items()}


def _check_archive(path: pathlib.Path) -> None:
    """Refuses a zip archive whose entries are larger than the file: PyTorch compresses nothing, but reads what is compressed."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked, size = sum(entry.file_size for entry in archive.infolist()), path.stat().st_size
    except zipfile.BadZipFile:  # PyTorch's old form is none
        return
    except (OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{path}: not a whole PyTorch file ({error})") from error
    if unpacked > size:
        raise UserError(f"{path}: unpacks to {unpacked} bytes, but has {size}; expected a file as torch.save writes it")


def _tensors_of(path: pathlib.Path, content: Any, tensor_type: type) -> Mapping[str, Any]:
    is_state_dict = isinstance(content, Mapping) and content and all(isinstance(value, tensor_type) for value in content.values())
    if is_state_dict and all(isinstance(key, str) for key in content):
        return content
    kind = f"entries {', '.join(map(str, list(content)[:5]))}" if isinstance(content, Mapping) else type(content).__name__
    raise UserError(f"{path}: {kind} found; expected {GENERATOR_ENTRY!r}, or a state_dict of tensors")


def _check_stored(path: pathlib.Path, key: str, tensor: Any, strided: Any) -> None:
    """Refuses what is no plain array, and one whose strides make many elements of few that are stored."""
    if tensor.layout != strided or tensor.device.type != "cpu" or tensor.is_quantized or tensor.is_nested:
        raise UserError(f"{path}: {key} is not a plain tensor ({tensor.layout}, {tensor.dtype}, {tensor.device}); save it as one")
    needed, stored = tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes()
    if needed > stored:
        shape = " x ".join(map(str, tensor.shape))
        raise UserError(f"{path}: {key} is {shape}, {needed} bytes, of which {stored} are stored; save it with .contiguous()")


def _to_numpy(tensor: Any) -> np.ndarray:
    tensor = tensor.detach().resolve_conj().resolve_neg()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()  # NumPy has no bfloat16
