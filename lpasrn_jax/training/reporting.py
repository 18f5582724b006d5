"""Progress of a run: metrics and pictures for TensorBoard, a progress bar, a line after each validation."""

from __future__ import annotations

import json
import math
import pathlib
import sys
import time
from collections.abc import Mapping
from logging import LogRecord
from typing import Any

import jax
import numpy as np
from absl import logging
from clu import parameter_overview
from flax.traverse_util import flatten_dict
from jaxtyping import Array, Float, UInt8
from tqdm import tqdm

from lpasrn_jax import runtime
from lpasrn_jax.errors import UserError
from lpasrn_jax.training.meter import StepMeter
from lpasrn_jax.training.profiling import StepProfile


class NonFiniteLossError(UserError):
    """A loss term became NaN or infinite; the message names it and the step."""


def _is_not_raised_later(record: LogRecord) -> bool:
    return record.module != "asynclib"


class Reporter:
    """Writes one stage's metrics; only the job's first process prints and writes anything.

    Args:
      directory: the stage's folder, where the TensorBoard events go.
      first_step: steps done before.
      num_steps: steps of the whole stage.
      images_per_step: of the whole job.
      profile: write a trace of ten steps.

    Attributes:
      meter: measures speed; enter `meter.waiting()` around waits for data.
    """

    def __init__(
        self, directory: pathlib.Path, first_step: int, num_steps: int, *, images_per_step: int = 1, profile: bool = False
    ):
        from clu import metric_writers  # imports TensorFlow for seconds: a mistake in the config is told before

        # clu logs what goes wrong in its writing thread, with a traceback, and then raises it in this one.
        logging.get_absl_logger().addFilter(_is_not_raised_later)
        is_first = runtime.is_first_process()
        self._directory, self._first_step, self._began = directory, first_step, time.monotonic()
        self._writer = metric_writers.create_default_writer(str(directory), just_logging=not is_first)
        self._profile = StepProfile(directory / "profile", first_step) if profile and is_first else None
        self._scores: dict[str, Mapping[str, float]] = {}  # of the first validation in this process and of the best
        self.meter = StepMeter(images_per_step)
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
        if self._profile:
            self._profile.close()
        self._bar.close()
        self._writer.close()

    def describe(self, config: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        """At step 0 of a stage, write its config as text and as hyperparameters, and a table of its parameters."""
        if self._first_step:
            return
        flat = flatten_dict(dict(config), sep=".")
        self._writer.write_hparams({name: v if isinstance(v, int | float | str) else str(v) for name, v in flat.items()})
        table = parameter_overview.get_parameter_overview(params, include_stats=False)
        texts = {"config": json.dumps(config, indent=2), "parameters": table}
        self._writer.write_texts(0, {name: f"```\n{text}\n```" for name, text in texts.items()})

    def step(self, step: int, metrics: Mapping[str, Float[Array, ""]], accuracies: Mapping[str, Array]) -> None:
        """Record one step's metrics and the accuracies of its examples, still on the device."""
        self._pending.append((step, metrics, accuracies))
        self._bar.update()
        self.meter.step()
        if self._profile:
            self._profile.after(step, metrics)

    def write_steps(self, learning_rate: float) -> list[Mapping[str, np.ndarray]]:
        """Fetch what was recorded since the last call, in one transfer, and write the metrics' means.

        Returns:
          The accuracies, step by step.

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
        self._writer.write_scalars(last_step, self.meter.read())
        self._bar.set_postfix_str(f"loss {means['loss']:.4f}", refresh=False)
        return [accuracies for _, _, accuracies in fetched]

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write scalars under their own names."""
        self._writer.write_scalars(step, scalars)

    def validation(
        self, step: int, metrics: Mapping[str, float], pictures: Mapping[str, UInt8[np.ndarray, "h w 3"]], note: str
    ) -> None:
        """Write a validation's metrics and pictures, and print the metrics in a line."""
        self._writer.write_scalars(step, {f"val/{name}": value for name, value in metrics.items()})
        self._writer.write_images(step, {f"val/{name}": picture[None] for name, picture in pictures.items()})
        self._writer.flush()
        self._scores.setdefault("first", metrics)
        if note or "best" not in self._scores:
            self._scores["best"] = metrics
        self.meter.restart()
        shown = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self.say(f"step {step}: {shown}  {note}")

    def say(self, line: str) -> None:
        """Print a line above the progress bar, in the first process."""
        if not self._bar.disable:  # a bar that shows nothing would print it all the same
            self._bar.write(line)

    def summary(self, step: int, finished: bool) -> None:
        """Print how the stage ended, its improvement since the first validation in this process, and the best checkpoint."""
        minutes, seconds = divmod(round(time.monotonic() - self._began), 60)
        how = "finished" if finished else "stopped before its end"
        lines = [f"{self._directory.name}: {how} at step {step}, after {minutes} min {seconds} s"]
        if self._scores:
            first, best = self._scores["first"], self._scores["best"]
            changes = [f"{name} {first[name]:.4g} -> {best[name]:.4g}" for name in best if "/" not in name and name in first]
            lines.append(f"  from the first validation to the best: {', '.join(changes)}")
        lines.append(f"  best checkpoint: {self._directory / 'best'}")
        self._bar.clear()
        self.say("\n".join(lines))


def check_finite(step: int, metrics: Mapping[str, float]) -> None:
    """Raise NonFiniteLossError for the first value that is NaN or infinite; loss terms are checked before their sum."""
    for name in sorted(metrics, key=lambda name: not name.endswith("_loss")):
        if not math.isfinite(metrics[name]):
            raise NonFiniteLossError(
                f"{name} is {metrics[name]} at step {step}: training stopped, the last good checkpoint is kept; lower stage.lr"
            )
