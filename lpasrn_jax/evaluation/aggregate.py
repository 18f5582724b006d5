"""Means of per-frame values by metric and kind of image, with confidence intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from lpasrn_jax.evaluation.bootstrap import bootstrap_interval

KINDS = ("bicubic", "baseline", "sr", "fused", "hr")  # in the order of tables
NOT_MADE = ("bicubic", "baseline", "hr")  # not made by a generator

Values = Mapping[str, Mapping[str, Float[np.ndarray, " n"]]]  # values[metric][kind], one value per frame


def made_kinds(kinds: Iterable[str]) -> list[str]:
    """The kinds of image that a generator made, which are compared with bicubic."""
    return [kind for kind in KINDS if kind in kinds and kind not in NOT_MADE]


def difference(kind: str, other: str = "bicubic") -> str:
    """Key of the difference of two kinds of image in the intervals."""
    return f"{kind} - {other}"


def means(values: Values) -> dict[str, dict[str, float]]:
    """Mean of each metric of each kind."""
    return {
        metric: {kind: float(np.mean(by_kind[kind], dtype=np.float64)) for kind in KINDS if kind in by_kind}
        for metric, by_kind in values.items()
    }


def intervals(values: Values, plates: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """95 % intervals of the means, and of the differences of each made kind from bicubic and from HR.

    Args:
      values: by metric and kind of image.
      plates: the true text of each frame's plate.
    """
    by_metric: dict[str, dict[str, list[float]]] = {}
    for metric, by_kind in values.items():
        columns = {kind: by_kind[kind] for kind in KINDS if kind in by_kind}
        pairs = [(kind, other) for kind in made_kinds(columns) for other in ("bicubic", "hr") if other in columns]
        columns |= {difference(kind, other): columns[kind] - columns[other] for kind, other in pairs}
        by_metric[metric] = {name: list(bootstrap_interval(column, plates)) for name, column in columns.items()}
    return by_metric
