"""Confidence intervals of means, by bootstrap over plates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

LEVEL = 0.95
DRAWS = 1000


def bootstrap_interval(values: Float[np.ndarray, " n"], plates: Sequence[str], *, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of the mean, over 1000 resamples of the plates with replacement (Efron 1979).

    Plates are resampled, not frames: frames of one plate are correlated, and treating them as independent would make the interval
    too narrow. For the difference of two columns, pass the column of differences.

    Args:
      values: one per frame.
      plates: the true text of each frame's plate.
      seed: of the resampling.

    Raises:
      ValueError: for no values, or a different number of plates.
    """
    values = np.asarray(values, np.float64)
    if not len(values) or len(values) != len(plates):
        raise ValueError(f"{len(values)} values of {len(plates)} plates found; expected as many of each, at least one")
    _, member = np.unique(np.asarray(plates), return_inverse=True)
    count = np.bincount(member)
    total = np.bincount(member, weights=values)
    resamples = np.random.default_rng(seed).multinomial(len(count), np.full(len(count), 1 / len(count)), size=DRAWS)
    means = (resamples @ total) / (resamples @ count)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
