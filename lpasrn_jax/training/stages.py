"""A stage's folder: which config it was trained with, and whether this one may continue it."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import jax
import ml_collections

from lpasrn_jax.errors import UserError
from lpasrn_jax.training.checkpoints import link
from lpasrn_jax.weights.bundle import write_atomically

CONFIG_FILE = "config.json"

# Keys that may change between two starts of the same run; all others decide what it computes.
FREE_KEYS = ("data.tfds_dir", "data.strict", "train.log_every_steps", "train.early_stop", "stage.epochs")


def open_stage(workdir: str, config: ml_collections.ConfigDict) -> pathlib.Path:
    """The folder of the config's stage in `workdir`, made if it is new; `workdir/best` leads to its best checkpoint.

    Raises:
      UserError: if the folder can't be written, or holds a run of another config.
    """
    directory = pathlib.Path(workdir).absolute() / config.stage.name
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _check_same_run(directory, config)
        if jax.process_index() == 0:
            write_atomically(directory / CONFIG_FILE, json.dumps(config.to_dict(), indent=2).encode() + b"\n")
            link(directory.parent / "best", pathlib.Path(config.stage.name) / "best")
    except OSError as error:
        raise UserError(f"--workdir={workdir}: cannot be written ({error.strerror}); choose a folder that can") from error
    return directory


def _check_same_run(directory: pathlib.Path, config: ml_collections.ConfigDict) -> None:
    file = directory / CONFIG_FILE
    has_begun = any(step.name.isdigit() for step in directory.glob("checkpoints/*"))
    if not file.exists() or not has_begun:
        return
    old, new = _flat(json.loads(file.read_text())), _flat(json.loads(json.dumps(config.to_dict())))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key) and key not in FREE_KEYS:
            raise UserError(
                f"{directory} holds a run with {key}={old.get(key)}, this config has {key}={new.get(key)}; "
                "continue with the same config, or choose another --workdir"
            )


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves = {}
    for name, value in tree.items():
        leaves |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return leaves
