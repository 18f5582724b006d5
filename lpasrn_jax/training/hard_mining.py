"""Hard-example mining: examples that are read badly are sampled more often.

The miner runs on the host and identifies examples by their dataset index, which is part of every batch. In a job of several
processes each has its own miner and updates it with the whole job's batch, in the same order, so that all of them sample by the
same probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import ml_collections
import numpy as np
from jaxtyping import Float, Int

from lpasrn_jax.errors import UserError

DIFFICULTY_FLOOR = 0.1  # difficulty of an example that is always read right, so that it is still sampled
HARDEST_SHARE = 0.1  # of the examples seen, for the metric `hardest_accuracy`


class HardExampleMiner:
    """Tracks the reading accuracy of each example and turns it into sampling probabilities.

    Args:
      num_examples: of the training split.
      config: the config's section `stage.hard_mining`.

    Attributes:
      period: number of reweightings so far.

    Raises:
      UserError: for an invalid value in the section.
    """

    def __init__(self, num_examples: int, config: ml_collections.ConfigDict):
        _check(config)
        self._config = config
        self._accuracy = np.zeros(num_examples, np.float64)
        self._seen = np.zeros(num_examples, np.int64)
        self._probabilities = np.full(num_examples, 1.0 / num_examples, np.float64)
        self._p_hard = 0.0
        self.period = 0

    @property
    def probabilities(self) -> Float[np.ndarray, " n"] | None:
        """Sampling probability of each example, with sum 1; None before the first reweighting: shuffle."""
        return self._probabilities.copy() if self.period else None

    def update(self, indices: Int[np.ndarray, " b"], accuracy: Float[np.ndarray, " b"]) -> None:
        """Update the accuracies of examples in the given order; an example that occurs twice counts twice.

        Args:
          indices: dataset indices.
          accuracy: share of the characters read right, in [0, 1]. The first sets an example's average, later ones move it.

        Raises:
          ValueError: for an index out of range or an accuracy outside [0, 1]; nothing is updated then.
        """
        indices, accuracy = np.asarray(indices), np.asarray(accuracy, np.float64)
        if indices.ndim != 1 or indices.shape != accuracy.shape:
            raise ValueError(f"indices {indices.shape}, accuracy {accuracy.shape} found; expected one of each per example")
        if not np.all((indices >= 0) & (indices < len(self._seen))):
            raise ValueError(f"indices: {indices.tolist()} found; expected all in [0, {len(self._seen)})")
        if not np.all((accuracy >= 0.0) & (accuracy <= 1.0)):
            raise ValueError(f"accuracy: {accuracy.tolist()} found; expected all in [0, 1]")
        for index, value in zip(indices, accuracy, strict=True):
            decay = self._config.accuracy_decay if self._seen[index] else 0.0
            self._accuracy[index] = decay * self._accuracy[index] + (1.0 - decay) * value
            self._seen[index] += 1

    def reweight(self, progress: float) -> None:
        """Compute new probabilities from the accuracies so far, and start the next period.

        (1 - p_hard) / n + p_hard * w / sum(w) with w = (1 - accuracy + 0.1) ** difficulty_alpha, where an example seen fewer than
        `min_seen` times has the mean w of the others.

        Args:
          progress: the share of the stage that is done, in [0, 1]; `p_hard` rises with it from its first value to its second.

        Raises:
          ValueError: for a progress outside [0, 1].
        """
        if not 0.0 <= progress <= 1.0:
            raise ValueError(f"progress: {progress} found; expected a share of the stage, in [0, 1]")
        start, end = self._config.p_hard
        self._p_hard = (1.0 - progress) * start + progress * end
        weights = (1.0 - self._accuracy + DIFFICULTY_FLOOR) ** self._config.difficulty_alpha
        known = self._seen >= self._config.min_seen
        weights[~known] = weights[known].mean() if known.any() else 1.0
        self._probabilities = (1.0 - self._p_hard) / len(weights) + self._p_hard * weights / weights.sum()
        self.period += 1

    def metrics(self) -> dict[str, float]:
        """Scalars for TensorBoard; the two accuracies are NaN before the first update.

        Over the examples seen: `mean_accuracy`, and `hardest_accuracy` over the tenth that is read worst. Over all, `seen_share`,
        `p_hard` (0 while shuffling), `effective_examples` (the exponential of the probabilities' entropy: n if they are equal,
        1 if one example is sampled always) and `max_over_uniform` (the largest probability times n, 1 if all are equal).
        """
        seen = np.sort(self._accuracy[self._seen > 0])
        hardest = seen[: math.ceil(HARDEST_SHARE * len(seen))]
        values = {
            "mean_accuracy": seen.mean() if len(seen) else math.nan,
            "hardest_accuracy": hardest.mean() if len(seen) else math.nan,
            "seen_share": np.mean(self._seen > 0),
            "p_hard": self._p_hard,
            "effective_examples": np.exp(-np.sum(self._probabilities * np.log(self._probabilities))),
            "max_over_uniform": self._probabilities.max() * len(self._probabilities),
        }
        return {f"stage4_hard_mining/{name}": float(value) for name, value in values.items()}

    def state(self) -> dict[str, np.ndarray]:
        """The state for a checkpoint, copied: arrays [n] and [] whose shapes and dtypes never change."""
        return {
            "accuracy": self._accuracy.copy(),
            "seen": self._seen.copy(),
            "probabilities": self._probabilities.copy(),
            "p_hard": np.array(self._p_hard, np.float64),
            "period": np.array(self.period, np.int64),
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the `state` of another miner.

        Raises:
          UserError: if the number of examples differs.
        """
        stored, expected = len(state["seen"]), len(self._seen)
        if stored != expected:
            raise UserError(
                f"the hard-mining state knows {stored} training examples, the data has {expected}; "
                "go on with the data it was made with, or take another --workdir"
            )
        self._accuracy = np.array(state["accuracy"], np.float64)
        self._seen = np.array(state["seen"], np.int64)
        self._probabilities = np.array(state["probabilities"], np.float64)
        self._p_hard = float(state["p_hard"])
        self.period = int(state["period"])


def _check(config: ml_collections.ConfigDict) -> None:
    p_hard = tuple(config.p_hard)
    rises = len(p_hard) == 2 and 0.0 <= p_hard[0] <= p_hard[1] <= 1.0
    for key, good, expected in (
        ("difficulty_alpha", config.difficulty_alpha >= 0.0, "0 (all alike) or more, such as 2.0"),
        ("reweight_interval", config.reweight_interval >= 1, "1 or more epochs"),
        ("accuracy_decay", 0.0 <= config.accuracy_decay < 1.0, "0 or more and less than 1, such as 0.9"),
        ("min_seen", config.min_seen >= 1, "1 or more"),
        ("p_hard", rises, "two shares in [0, 1], the second not below the first, such as (0.1, 0.8)"),
    ):
        if not good:
            raise UserError(f"stage.hard_mining.{key}: {config[key]} found; expected {expected}")
