"""Orbax checkpoints of a run: everything needed to continue it, saved in the background; the best and the last are kept.

A checkpoint of step N lies in `checkpoints/N` and has the items that `lpasrn_jax.weights.orbax` names; `best` and `last` beside
`checkpoints` are links to two of them. A link moves once its new checkpoint is whole, and the old checkpoint is removed after
that, so that both lead to whole checkpoints at every moment, whenever the process is killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any, TypedDict

import grain
import jax
import ml_collections
import numpy as np
import orbax.checkpoint as ocp
from grain.checkpoint import CheckpointSave

from lpasrn_jax.errors import UserError
from lpasrn_jax.training.hard_mining import HardExampleMiner
from lpasrn_jax.training.state import TrainState

REMOVED = ".removed"  # a checkpoint is moved here before its files are deleted, so that none is ever incomplete


class Progress(TypedDict):
    """State of the training loop.

    best: the scores of the best validation so far, as `train.best_metrics` lists them; None before the first.
    stale: number of validations since.
    finished: whether the stage is complete.
    stopped: whether the process was told to stop there.
    lineage: the names of the stages so far, this one last.
    """

    best: list[float] | None
    stale: int
    finished: bool
    stopped: bool
    lineage: list[str]


class Checkpoints:
    """The checkpoints of one stage's folder; leaving the context waits for unfinished saves.

    Args:
      directory: the stage's folder.
      config: written into each checkpoint, so that a model can be built from it alone; the best checkpoint is the one with the
        largest `train.best_metrics`, of which the later ones break ties of the earlier.
    """

    def __init__(self, directory: pathlib.Path, config: ml_collections.ConfigDict):
        self._directory = directory
        self._best_metrics = tuple(config.train.best_metrics)
        self._config = config.to_dict()
        self._validated = False  # whether this process has saved a checkpoint with metrics
        if jax.process_index() == 0:  # Orbax does it in the background, and fails if the process ends meanwhile
            for remains in directory.glob(f"checkpoints/*{ocp.utils.TMP_DIR_SUFFIX}*"):
                shutil.rmtree(remains)
        self._manager = ocp.CheckpointManager(
            directory / "checkpoints",
            # Orbax would remove old checkpoints before the links have moved: `wait` removes them.
            options=ocp.CheckpointManagerOptions(best_fn=self.ranking, todelete_subdir=REMOVED),
        )
        self.wait()

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        # After a failed run an unfinished save may fail for the same reason, which has already been reported.
        for end in (self.wait, self._manager.close):
            with contextlib.nullcontext() if kind is None else contextlib.suppress(Exception):
                end()

    def ranking(self, metrics: Mapping[str, float]) -> list[float]:
        """Sort key for choosing the best checkpoint.

        Raises:
          UserError: for a metric that this stage's validation does not have.
        """
        for name in self._best_metrics:
            if name not in metrics:
                raise UserError(
                    f"train.best_metrics: {name!r} is not measured in this stage; expected some of {', '.join(metrics)}"
                )
        return [metrics[name] for name in self._best_metrics]

    def latest_step(self) -> int | None:
        return self._manager.latest_step()

    def best_step(self) -> int | None:
        return self._manager.best_step()

    def save(
        self,
        state: TrainState,
        iterator: grain.DatasetIterator,
        progress: Progress,
        miner: HardExampleMiner | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Start saving; a step that is already saved is left alone. `metrics` is None for a save between validations.

        An error in the background is raised by the next call that saves or waits.

        Raises:
          OSError: if the disk has less room than the arrays take.
        """
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        self.wait()
        self._check_room(state)
        mining = {"miner": ocp.args.StandardSave(miner.state())} if miner else {}
        lineage = progress["lineage"] if step else progress["lineage"][:-1]  # at step 0 the stage has not changed the weights
        items = ocp.args.Composite(
            params=ocp.args.StandardSave(_on_host(state.params)),
            ema=ocp.args.StandardSave(_on_host(state.ema)),
            optimizer=ocp.args.StandardSave(_on_host(_optimizer_item(state))),
            data=CheckpointSave(iterator),
            progress=ocp.args.JsonSave(dict(progress)),
            config=ocp.args.JsonSave({**self._config, "lineage": lineage}),
            **mining,
        )
        self._manager.save(step, args=items, metrics=None if metrics is None else dict(metrics))
        self._validated = self._validated or metrics is not None

    def _check_room(self, state: TrainState) -> None:
        """Orbax's threads would print hundreds of lines on a disk that is full."""
        arrays = jax.tree.leaves((state.params, state.ema, _optimizer_item(state)))
        if shutil.disk_usage(self._directory).free < sum(array.nbytes for array in arrays):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._directory))

    def restore(self, state: TrainState, iterator: grain.DatasetIterator) -> tuple[TrainState, Progress]:
        """The last checkpoint, on the devices of `state`'s shardings; sets `iterator` to its saved position.

        The number of processes may differ from that which saved it.

        Args:
          state: the state's shapes, dtypes and shardings.
          iterator: over the same examples, and with the same weights, as when it was saved.

        Raises:
          UserError: if the run was started with a different model or, of the iterator, number of workers.
        """
        step = self._manager.latest_step()
        try:
            restored = self._manager.restore(
                step,
                args=ocp.args.Composite(
                    params=ocp.args.StandardRestore(state.params),
                    ema=ocp.args.StandardRestore(state.ema),
                    optimizer=ocp.args.StandardRestore(_optimizer_item(state)),
                    progress=ocp.args.JsonRestore(),
                ),
            )
            _set_position(iterator, self._directory / "checkpoints" / str(step) / "data")
        except ValueError as error:
            raise UserError(
                f"{self._directory}: checkpoint {step} does not fit this config ({str(error).splitlines()[0]}); "
                "use the config and the version of lpasrn_jax that it was made with, or another --workdir"
            ) from error
        return state.replace(params=restored.params, ema=restored.ema, **restored.optimizer), Progress(**restored.progress)

    def restore_miner(self, miner: HardExampleMiner) -> None:
        """Restore a miner's state from the last checkpoint."""
        item = ocp.args.Composite(miner=ocp.args.StandardRestore(miner.state()))
        miner.set_state(self._manager.restore(self._manager.latest_step(), args=item).miner)

    def wait(self) -> None:
        """Block until saves are on disk; then remove all checkpoints except the best and the last."""
        self._manager.wait_until_finished()
        self.update_links()
        for step in {*self._manager.all_steps()} - {self._manager.latest_step(), self._manager.best_step()}:
            self._manager.delete(step)
        if jax.process_index() == 0:
            shutil.rmtree(self._directory / "checkpoints" / REMOVED, ignore_errors=True)

    def update_links(self) -> None:
        """Point `best` and `last` at their checkpoints, and the run's `best` at this stage's, unless a save is in progress."""
        if jax.process_index() != 0 or self._manager.is_saving_in_progress():
            return
        for name, step in (("last", self._manager.latest_step()), ("best", self._manager.best_step())):
            target = pathlib.Path("checkpoints") / str(step)
            if (self._directory / target).is_dir():  # until it is waited for, Orbax also lists a failed save
                link(self._directory / name, target)
        best, run_best = self._directory / "best", self._directory.parent / "best"
        if best.exists() and (self._validated or not run_best.exists()):
            link(run_best, pathlib.Path(self._directory.name) / "best")


def _set_position(iterator: grain.DatasetIterator, folder: pathlib.Path) -> None:
    """Sets an iterator to the position in `folder`, where each process of the job saved its own.

    A position counts batches of the whole job, so that those of all processes are the same, whatever their number.
    """
    position, *_ = sorted(folder.glob("process_*.json"))
    iterator.set_state(json.loads(position.read_text()))
    iterator.start_prefetch()


def link(path: pathlib.Path, target: pathlib.Path) -> None:
    """Make `path` a symbolic link to `target` in one atomic change."""
    if path.is_symlink() and path.readlink() == target:
        return
    fresh = path.with_name(f".{path.name}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, path)


def _on_host(tree: Any) -> Any:
    """The arrays, which are the same on all devices, as NumPy's: of others Orbax would have each device write a piece of each.

    Orbax copies them before it goes on in the background. PRNG keys stay as they are, since NumPy has none.
    """
    return jax.tree.map(lambda x: x if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else np.asarray(x), tree)


def _optimizer_item(state: TrainState) -> dict[str, Any]:
    """The fields of a state other than parameters and their averages."""
    fields = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    return {name: value for name, value in fields.items() if name not in ("params", "ema")}
