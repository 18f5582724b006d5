"""What a run shows while it lasts: metrics and pictures for TensorBoard, a progress bar, a line after each validation."""

from __future__ import annotations

import contextlib
import math
import pathlib
import sys
from collections.abc import Mapping

import jax
import numpy as np
from clu import metric_writers, periodic_actions
from jaxtyping import Array, Float, UInt8
from tqdm import tqdm

from lpasrn_jax.errors import UserError
from lpasrn_jax.training.tensorboard import tensorboard


class NonFiniteLossError(UserError):
    """A loss term became NaN or infinite; the message names it and the step."""


class Reporter:
    """Writes one stage's metrics; only the job's first process shows and writes anything.

    Args:
      directory: the stage's folder, where the TensorBoard events go.
      first_step: steps done before.
      num_steps: steps of the whole stage.
      tensorboard_port: first port that TensorBoard tries, with all stages beside this one; None runs no TensorBoard.
    """

    def __init__(self, directory: pathlib.Path, first_step: int, num_steps: int, tensorboard_port: int | None = None):
        is_first = jax.process_index() == 0
        self._beside = contextlib.ExitStack()
        if is_first and tensorboard_port is not None:
            self._beside.enter_context(tensorboard(directory.parent, tensorboard_port))
        self._writer = metric_writers.create_default_writer(str(directory), just_logging=not is_first)
        self._rate = periodic_actions.ReportProgress(num_train_steps=num_steps, writer=self._writer, every_secs=30.0)
        self._bar = tqdm(
            total=num_steps,
            initial=first_step,
            desc=directory.name,
            unit="step",
            disable=not is_first,
            mininterval=0.5 if sys.stderr.isatty() else 30.0,
        )
        self._pending: list[tuple[int, Mapping[str, Float[Array, ""]], Mapping[str, Array]]] = []

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()
        self._writer.close()
        self._beside.close()

    def step(self, step: int, metrics: Mapping[str, Float[Array, ""]], readings: Mapping[str, Array]) -> None:
        """Take note of one step's metrics, and of what it found of its examples, still on the device."""
        self._pending.append((step, metrics, readings))
        self._bar.update()
        self._rate(step)

    def write_steps(self, learning_rate: float) -> list[Mapping[str, np.ndarray]]:
        """Fetch what was noted since the last call, in one transfer, and write the metrics' means.

        Returns:
          The readings, step by step.

        Raises:
          NonFiniteLossError: naming the first term and step that is NaN or infinite.
        """
        fetched = jax.device_get(self._pending)
        self._pending = []
        if not fetched:
            return []
        for step, metrics, _ in fetched:
            check_finite(step, metrics)
        means = {name: float(np.mean([metrics[name] for _, metrics, _ in fetched])) for name in fetched[0][1]}
        last_step = fetched[-1][0]
        self._writer.write_scalars(last_step, {f"train/{name}": value for name, value in means.items()})
        self._writer.write_scalars(last_step, {"train/learning_rate": learning_rate})
        self._bar.set_postfix_str(f"loss {means['loss']:.4f}", refresh=False)
        return [readings for _, _, readings in fetched]

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write figures under their own names."""
        self._writer.write_scalars(step, scalars)

    def validation(
        self, step: int, metrics: Mapping[str, float], pictures: Mapping[str, UInt8[np.ndarray, "h w 3"]], note: str
    ) -> None:
        """Write a validation's metrics and pictures, and print the metrics in a line."""
        self._writer.write_scalars(step, {f"val/{name}": value for name, value in metrics.items()})
        self._writer.write_images(step, {f"val/{name}": picture[None] for name, picture in pictures.items()})
        self._writer.flush()
        shown = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self._bar.write(f"step {step}: {shown}  {note}")

    def say(self, line: str) -> None:
        """Print a line above the progress bar."""
        self._bar.write(line)


def check_finite(step: int, metrics: Mapping[str, float]) -> None:
    """Raise NonFiniteLossError for the first value that is NaN or infinite; loss terms are looked at before what they make."""
    for name in sorted(metrics, key=lambda name: not name.endswith("_loss")):
        if not math.isfinite(metrics[name]):
            raise NonFiniteLossError(
                f"{name} is {metrics[name]} at step {step}: training stopped, the last good checkpoint is kept; lower stage.lr"
            )
