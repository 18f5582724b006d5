"""Several runs of one recipe: mean and standard deviation of each figure."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import exports
from lpasrn_jax.evaluation.comparison import same_images
from lpasrn_jax.evaluation.tables import METRICS, TITLES, table


def over_runs(evaluations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`checkpoints`, `images`, the number of `runs`, and of each metric and kind of image its `mean` and standard `deviation`.

    The sample standard deviation (n - 1): how much runs with different seeds differ.

    Args:
      evaluations: the content of metrics.json of each run, at least two.

    Raises:
      UserError: for runs that were evaluated on different images.
    """
    first = evaluations[0]
    for other in evaluations[1:]:
        if not same_images(first, other):
            raise UserError(
                f"--checkpoint: {first['checkpoint']} and {other['checkpoint']} were judged on different images (another split, "
                "image size or plate format); give runs of one recipe"
            )
    figures: dict[str, Any] = {}
    for metric in METRICS:
        kinds = [kind for kind in TITLES if all(kind in one.get(metric, {}) for one in evaluations)]
        columns = {kind: np.array([one[metric][kind] for one in evaluations]) for kind in kinds}
        if columns:
            figures[metric] = {k: {"mean": float(c.mean()), "deviation": float(c.std(ddof=1))} for k, c in columns.items()}
    checkpoints = [one["checkpoint"] for one in evaluations]
    about = {"checkpoints": checkpoints, "images": first["images"], "runs": len(evaluations)}
    return about | figures


def runs_text(runs: Mapping[str, Any]) -> str:
    """The Markdown of several runs."""
    metrics = [metric for metric in METRICS if metric in runs]
    kinds = [kind for kind in TITLES if any(kind in runs[metric] for metric in metrics)]
    rows = []
    for metric in metrics:
        title, form = METRICS[metric]
        cells = [runs[metric].get(kind) for kind in kinds]
        rows.append([title, *(f"{form.format(c['mean'])} ± {form.format(c['deviation'])}" if c else "-" for c in cells)])
    names = "\n".join(f"- `{checkpoint}`" for checkpoint in runs["checkpoints"])
    told = f"Mean and standard deviation over {runs['runs']} runs, all on the same images:"
    return "\n\n".join(["# Evaluation of several runs", told, names, table(["", *(TITLES[kind] for kind in kinds)], rows)]) + "\n"


def write_runs(folder: pathlib.Path, evaluations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Write runs.json, runs.md, runs.csv and runs.tex; returns the content of runs.json."""
    runs = over_runs(evaluations)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "runs.json").write_text(json.dumps(runs, indent=2) + "\n")
    (folder / "runs.md").write_text(runs_text(runs))
    (folder / "runs.csv").write_text(exports.runs_csv(runs))
    (folder / "runs.tex").write_text(exports.runs_latex(runs))
    return runs
