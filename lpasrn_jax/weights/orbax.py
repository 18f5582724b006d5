"""The model inside an Orbax checkpoint of a training run, without the rest of the run."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import jax
import ml_collections
import orbax.checkpoint as ocp
from etils import epath

from lpasrn_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """
    params: parameters by network name; their moving averages where there are any.
    config: of the run that made them.
    metrics: of its validation; empty for a checkpoint between two validations.
    """

    step: int
    params: dict[str, Any]
    config: ml_collections.ConfigDict
    metrics: dict[str, float]


def load_checkpoint(path: str | pathlib.Path) -> Checkpoint:
    """The model of a checkpoint, on this process's first device, whatever machine wrote it.

    Args:
      path: a checkpoint (`runs/a/best`, `runs/a/warmup/last`, `runs/a/warmup/checkpoints/400`), or a folder that holds `best`.

    Raises:
      UserError: if there is no whole checkpoint there.
    """
    folder = pathlib.Path(path)
    if not _is_checkpoint(folder) and (folder / "best").exists():
        folder = folder / "best"
    folder = folder.resolve()
    if not _is_checkpoint(folder):
        raise UserError(f"{path}: not a checkpoint; give the folder of one, such as runs/a/best, which scripts/train.py writes")
    config = ml_collections.ConfigDict(_restore_json(folder / "config"))
    metrics = _restore_json(folder / "metrics", "metrics") if (folder / "metrics").is_dir() else {}
    params = {**_restore_arrays(folder / "params"), **_restore_arrays(folder / "ema")}
    return Checkpoint(int(folder.name), params, config, metrics)


def _restore_json(item: pathlib.Path, filename: str | None = None) -> dict[str, Any]:
    return ocp.Checkpointer(ocp.JsonCheckpointHandler(filename)).restore(item)


def _restore_arrays(item: pathlib.Path) -> Any:
    """A checkpoint's item as a nested dict of arrays."""
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    handler = ocp.StandardCheckpointHandler()
    stored = handler.metadata(epath.Path(item)).tree
    target = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=device), stored)
    return handler.restore(epath.Path(item), args=ocp.args.StandardRestore(target))


def _is_checkpoint(folder: pathlib.Path) -> bool:
    return (folder / "params").is_dir() and (folder / "ema").is_dir() and (folder / "config").is_dir()
