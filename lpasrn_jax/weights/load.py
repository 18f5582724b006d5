"""One way to weights, whatever form they are in."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from lpasrn_jax.errors import UserError
from lpasrn_jax.weights.bundle import Bundle, Calibration, load_bundle
from lpasrn_jax.weights.card import check_card

BUNDLED = pathlib.Path(__file__).with_name("bundled")  # the weights that come with the package


def bundled_names() -> list[str]:
    """Of the weights that come with the package."""
    return sorted(file.stem for file in BUNDLED.glob("*.safetensors"))


def load_weights(path: str | os.PathLike) -> Bundle:
    """The weights of a bundled model's name, of a bundle's path (with or without its ending), or of an Orbax checkpoint.

    A string that is a bundled model's name means that model, whatever lies in the working directory; `./lite` and
    `pathlib.Path("lite")` are files.

    Raises:
      UserError: if there is nothing of the kind, or it is damaged.
    """
    if bundle := bundle_path(path):
        return load_bundle(bundle)
    if not pathlib.Path(path).is_dir():
        names = ", ".join(bundled_names()) or "none"
        raise UserError(f"{path}: no such weights; give a bundled model ({names}), a .safetensors file or a checkpoint's folder")
    try:
        from lpasrn_jax.weights.orbax import load_checkpoint
    except ImportError as error:
        raise UserError(f"{path}: reading a training checkpoint needs TensorStore: pip install 'lpasrn-jax[train]'") from error
    checkpoint = load_checkpoint(path)
    about = {"source": str(path), "step": checkpoint.step}
    about |= {name: checkpoint.metrics[name] for name in Calibration._fields if name in checkpoint.metrics}
    if checkpoint.metrics.get("calibrated") == 0:
        about["calibrated"] = False
    check_card(str(path), checkpoint.config, about, checkpoint.params)
    return Bundle(checkpoint.params, checkpoint.config, about | _note(checkpoint.step, checkpoint.config))


def bundle_path(path: str | os.PathLike) -> pathlib.Path | None:
    """The `.safetensors` file that `load_weights` reads; None where it looks for a checkpoint."""
    if isinstance(path, str) and path in bundled_names():
        return BUNDLED / f"{path}.safetensors"
    for candidate in (pathlib.Path(f"{path}.safetensors"), pathlib.Path(path)):
        if candidate.suffix == ".safetensors" and candidate.is_file():
            return candidate
    return None


def no_improvement(lineage: Sequence[str]) -> str:
    """What is said of a stage, the last of a lineage, whose best weights are those that it started with."""
    *before, stage = lineage
    return f"{stage} did not improve on {f'{before[-1]}, whose weights these are' if before else 'its random weights'}"


def _note(step: int, config: Mapping[str, Any]) -> dict[str, str]:
    """Of the first checkpoint of a stage, that it is not the stage's own work."""
    stage, lineage = config.get("stage"), config.get("lineage", ())
    name = stage.get("name") if isinstance(stage, Mapping) else None
    if step > 0 or not isinstance(name, str):
        return {}
    return {"note": no_improvement([*(other for other in lineage if other != name), name])}
