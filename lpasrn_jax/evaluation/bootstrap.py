"""How far a mean may be off because other plates could have been in the set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

LEVEL = 0.95
DRAWS = 1000


def bootstrap_interval(values: Float[np.ndarray, " n"], plates: Sequence[str], *, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of the mean, over 1000 sets of as many plates, drawn with replacement (Efron 1979).

    Plates are drawn and not frames: frames of one plate are alike, and to take them for independent would make the interval
    too narrow. Of two columns, the interval of their difference is that of the column of differences.

    Args:
      values: one a frame.
      plates: what stands on each frame's plate.
      seed: of the draws.

    Raises:
      ValueError: for no value, or another number of plates.
    """
    values = np.asarray(values, np.float64)
    if not len(values) or len(values) != len(plates):
        raise ValueError(f"{len(values)} values of {len(plates)} plates found; expected as many of each, at least one")
    _, member = np.unique(np.asarray(plates), return_inverse=True)
    count = np.bincount(member)
    total = np.bincount(member, weights=values)
    drawn = np.random.default_rng(seed).multinomial(len(count), np.full(len(count), 1 / len(count)), size=DRAWS)
    means = (drawn @ total) / (drawn @ count)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
