"""A stage's folder: its lock, its config, and whether the config may continue the run in it."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Iterator

import filelock
import jax
import ml_collections
from flax.traverse_util import flatten_dict

from lpasrn_jax.errors import UserError
from lpasrn_jax.weights.bundle import write_atomically

CONFIG_FILE, LOCK_FILE = "config.json", ".lock"

# Keys that may change between two starts of the same run; all others decide what it computes.
FREE_KEYS = ("data.tfds_dir", "data.strict", "train.log_every_steps", "train.early_stop", "stage.epochs")


@contextlib.contextmanager
def open_stage(workdir: str, config: ml_collections.ConfigDict) -> Iterator[pathlib.Path]:
    """The folder of the config's stage in `workdir`, created if necessary and locked while the context is open.

    The lock is the operating system's and ends with the process, even if it is killed.

    Raises:
      UserError: if the folder can't be written, is in use, or holds a run of another config.
    """
    directory = pathlib.Path(workdir).absolute() / config.stage.name
    with contextlib.ExitStack() as locked:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if jax.process_index() == 0:
                locked.enter_context(filelock.FileLock(directory / LOCK_FILE, timeout=0))
            _check_same_run(directory, config)
            if jax.process_index() == 0:
                write_atomically(directory / CONFIG_FILE, json.dumps(config.to_dict(), indent=2).encode() + b"\n")
        except filelock.Timeout as error:
            raise UserError(f"{directory}: another process trains here; wait for it, or choose another --workdir") from error
        except OSError as error:
            raise UserError(f"--workdir={workdir}: cannot be written ({error.strerror}); choose a folder that can") from error
        yield directory


def has_begun(directory: pathlib.Path) -> bool:
    """Whether a stage's folder holds a checkpoint."""
    return any(step.name.isdigit() for step in directory.glob("checkpoints/*"))


def _check_same_run(directory: pathlib.Path, config: ml_collections.ConfigDict) -> None:
    file = directory / CONFIG_FILE
    if not file.exists() or not has_begun(directory):
        return
    old, new = (flatten_dict(json.loads(text), sep=".") for text in (file.read_text(), json.dumps(config.to_dict())))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key) and key not in FREE_KEYS:
            raise UserError(
                f"{directory} holds a run with {key}={old.get(key)}, this config has {key}={new.get(key)}; "
                "continue with the same config, or choose another --workdir"
            )
