"""The model inside an Orbax checkpoint of a training run, without the rest of the run.

Orbax stores each array in Zarr's format inside an OCDBT key-value store. TensorStore, which is Orbax's own, reads them here: of a
damaged checkpoint Orbax prints a traceback for each array.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from typing import Any

import numpy as np
import tensorstore as ts
from flax.traverse_util import unflatten_dict

from lpasrn_jax.errors import UserError
from lpasrn_jax.weights.tensors import check_size, check_tensors

MAX_JSON_BYTES = 2**20  # of the config and of the metrics
ITEMS = ("params", "ema", "optimizer", "config")  # that a checkpoint of a run has at least


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """
    step: of the training, from which it is.
    params: parameters by network name, float32; their moving averages where there are any.
    config: of the run that made them.
    metrics: of its validation; empty for a checkpoint between two validations.
    """

    step: int
    params: dict[str, Any]
    config: dict[str, Any]
    metrics: dict[str, Any]


def load_checkpoint(path: str | pathlib.Path) -> Checkpoint:
    """The model of a checkpoint, whatever machine wrote it.

    Args:
      path: a checkpoint (`runs/a/best`, `runs/a/warmup/last`, `runs/a/warmup/checkpoints/400`), a copy of one under any name, or
        a folder that holds `best`.

    Raises:
      UserError: if there is no whole checkpoint there; see also `check_tensors`.
    """
    folder = pathlib.Path(path)
    if not _is_checkpoint(folder) and (folder / "best").exists():
        folder = folder / "best"
    if not _is_checkpoint(folder):
        raise UserError(f"{path}: not a checkpoint; give the folder of one, such as runs/a/best, which scripts/train.py writes")
    folder = folder.resolve()  # a training that goes on moves `best` and `last`
    config = _read_json(folder / "config/metadata")
    metrics = _read_json(folder / "metrics/metrics") if (folder / "metrics/metrics").is_file() else {}
    tensors = {**read_arrays(folder / "params"), **read_arrays(folder / "ema")}
    check_tensors(str(folder), tensors)
    return Checkpoint(_read_step(folder / "optimizer"), unflatten_dict(tensors, sep="/"), config, metrics)


def _is_checkpoint(folder: pathlib.Path) -> bool:
    return all((folder / item).is_dir() for item in ITEMS)


def _read_step(item: pathlib.Path) -> int:
    """Steps done; a copy of a checkpoint has any name, so it is not told from that."""
    step = read_arrays(item, only="step").get("step")
    if step is None or step.shape != () or step.dtype.kind != "i":
        raise UserError(f"{item}: the checkpoint is damaged: the number of its step is not in it")
    return int(step)


def _read_json(file: pathlib.Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_JSON_BYTES + 1)
        fields = json.loads(content) if len(content) <= MAX_JSON_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: the checkpoint is damaged ({error})") from error
    if not isinstance(fields, dict):
        raise UserError(f"{file}: the checkpoint is damaged; expected a JSON object of at most {MAX_JSON_BYTES} bytes")
    return fields


def read_arrays(item: pathlib.Path, only: str = "") -> dict[str, np.ndarray]:
    """Arrays of a checkpoint's item by path, such as `generator/deep_conv/bias`; those alone whose path begins with `only`."""
    stored = _open_arrays(item, only)
    if not stored:  # TensorStore takes a store without its manifest for a new one
        raise UserError(f"{item}: the checkpoint is damaged: no array is in it")
    check_size(str(item), sum(math.prod(array.shape) * array.dtype.numpy_dtype.itemsize for array in stored.values()))
    for path, array in stored.items():
        chunk = array.chunk_layout.read_chunk.shape or ()
        if math.prod(chunk) > max(math.prod(array.shape), 1):  # a chunk is unpacked whole
            raise UserError(f"{item}: the checkpoint is damaged: {path} is {array.shape}, stored in pieces of {chunk}")
    try:
        reads = {path: array.read() for path, array in stored.items()}  # all at once, like the openings below
        return {path: read.result() for path, read in reads.items()}
    except Exception as error:  # damaged bytes fail in more ways than can be listed
        raise _damaged(item, error) from error


def _open_arrays(item: pathlib.Path, only: str) -> dict[str, ts.TensorStore]:
    database = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{item.absolute()}/"}}
    try:
        keys = ts.KvStore.open(database).result().list().result()
        names = [key.removesuffix(b"/.zarray").decode() for key in keys if key.endswith(b"/.zarray")]
        openings = {
            name.replace(".", "/"): ts.open({"driver": "zarr", "kvstore": {**database, "path": f"{name}/"}}, read=True)
            for name in sorted(names)
            if name.startswith(only)
        }
        return {path: opening.result() for path, opening in openings.items()}
    except Exception as error:  # as above
        raise _damaged(item, error) from error


def _damaged(item: pathlib.Path, error: Exception) -> UserError:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return UserError(f"{item}: the checkpoint is damaged, or not one of this program ({reason[:200]})")
