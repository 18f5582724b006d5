"""One way to weights, whatever form they are in."""

from __future__ import annotations

import os
import pathlib

from lpasrn_jax.errors import UserError
from lpasrn_jax.weights.bundle import Bundle, Calibration, load_bundle
from lpasrn_jax.weights.card import check_card

BUNDLED = pathlib.Path(__file__).with_name("bundled")  # the weights that come with the package


def bundled_names() -> list[str]:
    """Of the weights that come with the package."""
    return sorted(file.stem for file in BUNDLED.glob("*.safetensors"))


def load_weights(path: str | os.PathLike) -> Bundle:
    """The weights of a bundled model's name, of a bundle's path (with or without its ending), or of an Orbax checkpoint.

    Raises:
      UserError: if there is nothing of the kind, or it is damaged.
    """
    for candidate in (BUNDLED / f"{path}.safetensors", pathlib.Path(f"{path}.safetensors"), pathlib.Path(path)):
        if candidate.suffix == ".safetensors" and candidate.is_file():
            return load_bundle(candidate)
    if not pathlib.Path(path).is_dir():
        names = ", ".join(bundled_names()) or "none"
        raise UserError(f"{path}: no such weights; give a bundled model ({names}), a .safetensors file or a checkpoint's folder")
    try:
        from lpasrn_jax.weights.orbax import load_checkpoint
    except ImportError as error:
        raise UserError(f"{path}: reading a training checkpoint needs TensorStore: pip install 'lpasrn-jax[train]'") from error
    checkpoint = load_checkpoint(path)
    calibration = {name: checkpoint.metrics[name] for name in Calibration._fields if name in checkpoint.metrics}
    about = {"source": str(path), "step": checkpoint.step, **calibration}
    check_card(str(path), checkpoint.config, about, checkpoint.params)
    return Bundle(checkpoint.params, checkpoint.config, about)
