"""Orbax checkpoints of a run: everything that continuing needs, saved in the background, the best and the last kept.

A checkpoint of step N lies in `checkpoints/N` and has the items that `lpasrn_jax.weights.orbax` names; `best` and `last` beside
`checkpoints` are links to two of them.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any, TypedDict

import grain
import jax
import ml_collections
import orbax.checkpoint as ocp
from grain.checkpoint import CheckpointRestore, CheckpointSave
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, BestN, LatestN

from lpasrn_jax.errors import UserError
from lpasrn_jax.training.hard_mining import HardExampleMiner
from lpasrn_jax.training.state import TrainState


class Progress(TypedDict):
    """What the loop itself remembers.

    best: the scores of the best validation so far, as `train.best_metrics` lists them; None before the first.
    stale: validations since.
    finished: whether the stage has come to its end.
    lineage: the names of the stages that led here, this one last.
    """

    best: list[float] | None
    stale: int
    finished: bool
    lineage: list[str]


class Checkpoints:
    """The checkpoints of one stage's folder; leaving the context waits for what is being saved.

    Args:
      directory: the stage's folder.
      config: written into each checkpoint, so that a model can be built from it alone; the best checkpoint is the one with the
        largest `train.best_metrics`, of which the later ones break ties of the earlier.
    """

    def __init__(self, directory: pathlib.Path, config: ml_collections.ConfigDict):
        self._directory = directory
        self._best_metrics = tuple(config.train.best_metrics)
        self._config = config.to_dict()
        if jax.process_index() == 0:  # Orbax would do it in the background, and trip over a process that ends meanwhile
            for remains in directory.glob(f"checkpoints/*{ocp.utils.TMP_DIR_SUFFIX}*"):
                shutil.rmtree(remains)
        self._manager = ocp.CheckpointManager(
            directory / "checkpoints",
            options=ocp.CheckpointManagerOptions(
                best_fn=self.ranking,
                preservation_policy=AnyPreservationPolicy(
                    [LatestN(n=1), BestN(get_metric_fn=self.ranking, n=1, keep_checkpoints_without_metrics=False)]
                ),
            ),
        )
        self.wait()

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *_) -> None:
        self.wait()
        self._manager.close()

    def ranking(self, metrics: Mapping[str, float]) -> list[float]:
        """What the best checkpoint has most of: compare them as lists.

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

    def save(
        self,
        state: TrainState,
        iterator: grain.DatasetIterator,
        progress: Progress,
        miner: HardExampleMiner | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Start saving; a step that is already saved is left alone. `metrics` is None for a save between validations."""
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        self.wait()
        mining = {"miner": ocp.args.StandardSave(miner.state())} if miner else {}
        self._manager.save(
            step,
            args=ocp.args.Composite(
                params=ocp.args.StandardSave(state.params),
                ema=ocp.args.StandardSave(state.ema),
                optimizer=ocp.args.StandardSave(_optimizer_item(state)),
                data=CheckpointSave(iterator),
                progress=ocp.args.JsonSave(dict(progress)),
                config=ocp.args.JsonSave({**self._config, "lineage": progress["lineage"]}),
                **mining,
            ),
            metrics=None if metrics is None else dict(metrics),
        )

    def restore(self, state: TrainState, iterator: grain.DatasetIterator) -> tuple[TrainState, Progress]:
        """The last checkpoint, on the devices that `state`'s shardings name; `iterator` is set to where it was.

        Args:
          state: the state's shapes, dtypes and shardings.
          iterator: over the same examples, and with the same weights, as when it was saved.

        Raises:
          UserError: if the run was started with a different model.
        """
        step = self._manager.latest_step()
        try:
            restored = self._manager.restore(
                step,
                args=ocp.args.Composite(
                    params=ocp.args.StandardRestore(state.params),
                    ema=ocp.args.StandardRestore(state.ema),
                    optimizer=ocp.args.StandardRestore(_optimizer_item(state)),
                    data=CheckpointRestore(iterator),
                    progress=ocp.args.JsonRestore(),
                ),
            )
        except ValueError as error:
            raise UserError(
                f"{self._directory}: checkpoint {step} does not fit this config ({str(error).splitlines()[0]}); "
                "use the config it was made with, or another --workdir"
            ) from error
        return state.replace(params=restored.params, ema=restored.ema, **restored.optimizer), Progress(**restored.progress)

    def restore_miner(self, miner: HardExampleMiner) -> None:
        """Set a miner to what the last checkpoint knows of each example."""
        item = ocp.args.Composite(miner=ocp.args.StandardRestore(miner.state()))
        miner.set_state(self._manager.restore(self._manager.latest_step(), args=item).miner)

    def wait(self) -> None:
        """Block until what was saved is on disk."""
        self._manager.wait_until_finished()
        self.update_links()

    def update_links(self) -> None:
        """Let `best` and `last` point at their checkpoints, unless one is still being written."""
        if jax.process_index() != 0 or self._manager.is_saving_in_progress():
            return
        for name, step in (("last", self._manager.latest_step()), ("best", self._manager.best_step())):
            if step is not None:
                link(self._directory / name, pathlib.Path("checkpoints") / str(step))


def link(path: pathlib.Path, target: pathlib.Path) -> None:
    """Make `path` a symbolic link to `target` in one atomic change."""
    fresh = path.with_name(f".{path.name}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, path)


def _optimizer_item(state: TrainState) -> dict[str, Any]:
    """What of a state is neither parameters nor their averages, by field."""
    fields = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    return {name: value for name, value in fields.items() if name not in ("params", "ema")}
