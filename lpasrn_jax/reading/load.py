"""From the name or path of weights to their reader."""

from __future__ import annotations

import numbers
import os

import jax

from lpasrn_jax.errors import UserError
from lpasrn_jax.reading.arguments import check_kind
from lpasrn_jax.reading.reader import Reader
from lpasrn_jax.runtime import enable_compilation_cache
from lpasrn_jax.weights import DEFAULT
from lpasrn_jax.weights.bundle import Bundle
from lpasrn_jax.weights.load import bundled_names, load_weights


def load(
    path: str | os.PathLike = DEFAULT, *, device: str | None = None, min_confidence: float = 0.0, cache: bool = True
) -> Reader:
    """The best model that comes with the package, another of them, or the model of a checkpoint or a bundle.

    Args:
      path: the name of bundled weights (`lpasrn weights` lists them), a checkpoint's folder, such as `runs/a/best`, or a bundle,
        `NAME.safetensors`.
      device: `cpu`, `gpu` or another platform of JAX; the fastest that there is if it is not given.
      min_confidence: in [0, 1]; readings below it are marked as rejected.
      cache: keep compiled programs for other processes, see `runtime.enable_compilation_cache`; a cache that the program has set
        itself is used as it is.

    Raises:
      UserError: if there is no model at `path`, or it is damaged, or its parameters do not fit its card, before any network is
        built; if this machine has no such device; for an argument of another type.
    """
    check_kind("path", path, (str, os.PathLike), "the name of bundled weights, or the path of a checkpoint or a bundle")
    check_kind("device", device, (str, type(None)), "'cpu', 'gpu' or another platform of JAX, or None")
    check_kind("min_confidence", min_confidence, numbers.Real, "a probability in [0, 1]")
    if not 0 <= min_confidence <= 1:
        raise UserError(f"min_confidence: {min_confidence} found; expected a probability in [0, 1]")
    if cache:
        enable_compilation_cache()
    return Reader(_for_reading(path, load_weights(path)), _device(device), min_confidence)


def _for_reading(path: str | os.PathLike, bundle: Bundle) -> Bundle:
    """What reading needs of weights that fit their card, computed in the way that suits this machine."""
    params = {name: tree for name, tree in bundle.params.items() if name != "embedder"}
    if not params:
        raise UserError(f"{path}: no generator and no OCR is in it, only {', '.join(sorted(bundle.params)) or 'nothing'}")
    model = {**bundle.config["model"], "deform_implementation": "auto"}
    reading = Bundle(params, {**bundle.config, "model": model}, bundle.about)
    if path not in bundled_names():  # the package's own tests check those, and a second is saved at each start
        reading.model.check(str(path), reading.params, reading.model.plate_format)
    return reading


def _device(platform: str | None) -> jax.Device:
    try:
        return jax.local_devices(backend=platform)[0]
    except RuntimeError as error:
        there = ", ".join(sorted({device.platform for device in jax.local_devices()}))
        raise UserError(
            f"device: {platform!r} asked for, but JAX finds only {there} on this machine; "
            "install lpasrn-jax[cuda] for NVIDIA GPUs, or leave device out"
        ) from error
