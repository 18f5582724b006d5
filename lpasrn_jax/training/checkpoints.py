"""Orbax checkpoints of a run: everything that continuing needs, saved in the background, the best and the last kept.

A checkpoint of step N lies in `checkpoints/N` and has the items that `lpasrn_jax.weights.orbax` names; `best` and `last` beside
`checkpoints` are links to two of them.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import grain
import jax
import ml_collections
import orbax.checkpoint as ocp
from grain.checkpoint import CheckpointRestore, CheckpointSave
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, BestN, LatestN

from lpasrn_jax.errors import UserError
from lpasrn_jax.training.state import TrainState

Progress = dict[str, Any]  # what the loop itself remembers: JSON values


class Checkpoints:
    """The checkpoints of one stage's folder; leaving the context waits for what is being saved.

    Args:
      directory: the stage's folder.
      config: written into each checkpoint, so that a model can be built from it alone; the largest value of the validation
        metric `train.best_metric` marks the best checkpoint.
    """

    def __init__(self, directory: pathlib.Path, config: ml_collections.ConfigDict):
        self._directory = directory
        self._best_metric = config.train.best_metric
        self._config = config.to_dict()
        self._manager = ocp.CheckpointManager(
            directory / "checkpoints",
            options=ocp.CheckpointManagerOptions(
                best_fn=self._score,
                preservation_policy=AnyPreservationPolicy(
                    [LatestN(n=1), BestN(get_metric_fn=self._score, n=1, keep_checkpoints_without_metrics=False)]
                ),
                cleanup_tmp_directories=True,
            ),
        )
        self.wait()

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *_) -> None:
        self.wait()
        self._manager.close()

    def _score(self, metrics: Mapping[str, float]) -> float:
        return metrics[self._best_metric]

    def latest_step(self) -> int | None:
        return self._manager.latest_step()

    def save(
        self,
        state: TrainState,
        iterator: grain.DatasetIterator,
        progress: Progress,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Start saving; a step that is already saved is left alone. `metrics` is None for a save between validations."""
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        self.wait()
        self._manager.save(
            step,
            args=ocp.args.Composite(
                params=ocp.args.StandardSave(state.params),
                ema=ocp.args.StandardSave(state.ema),
                optimizer=ocp.args.StandardSave(_optimizer_item(state)),
                data=CheckpointSave(iterator),
                progress=ocp.args.JsonSave(progress),
                config=ocp.args.JsonSave(self._config),
            ),
            metrics=None if metrics is None else dict(metrics),
        )

    def restore(self, state: TrainState, iterator: grain.DatasetIterator) -> tuple[TrainState, Progress]:
        """The last checkpoint, on the devices and with the shardings of `state`; `iterator` is set to where it was.

        Raises:
          UserError: if the run was started with a different model.
        """
        step = self._manager.latest_step()
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
        try:
            restored = self._manager.restore(
                step,
                args=ocp.args.Composite(
                    params=ocp.args.StandardRestore(abstract.params),
                    ema=ocp.args.StandardRestore(abstract.ema),
                    optimizer=ocp.args.StandardRestore(_optimizer_item(abstract)),
                    data=CheckpointRestore(iterator),
                    progress=ocp.args.JsonRestore(),
                ),
            )
        except ValueError as error:
            raise UserError(
                f"{self._directory}: checkpoint {step} does not fit this config ({str(error).splitlines()[0]}); "
                "use the config it was made with, or another --workdir"
            ) from error
        optimizer = restored.optimizer
        state = state.replace(
            step=optimizer["step"],
            params=restored.params,
            ema=restored.ema,
            opt_state=optimizer["opt_state"],
            key=optimizer["key"],
        )
        return state, restored.progress

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
    return {"step": state.step, "opt_state": state.opt_state, "key": state.key}
