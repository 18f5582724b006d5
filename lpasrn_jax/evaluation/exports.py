"""The main table of an evaluation, or of several, as CSV for a program and as LaTeX for a paper."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from lpasrn_jax.evaluation.tables import METRICS, TITLES


def main_csv(metrics: Mapping[str, Any]) -> str:
    """A line per metric and kind of image: its mean and the ends of its 95 % interval. Differences, as `sr - bicubic`, have lines
    of their own.

    Args:
      metrics: the content of metrics.json.
    """
    lines = []
    for metric in METRICS:
        for kind, (low, high) in metrics.get("intervals", {}).get(metric, {}).items():
            first, _, second = kind.partition(" - ")
            mean = metrics[metric][first] - (metrics[metric][second] if second else 0.0)
            lines.append([metric, kind, mean, low, high])
    return _csv(["metric", "image", "mean", "low", "high"], lines)


def main_latex(metrics: Mapping[str, Any]) -> str:
    """A tabular of `booktabs`: a row per metric, a column per kind of image."""
    return _latex(metrics, lambda form, value: form.format(value))


def runs_csv(runs: Mapping[str, Any]) -> str:
    """A line per metric and kind of image: the mean over the runs and its standard deviation; see `runs.over_runs`."""
    lines = [
        [metric, kind, one["mean"], one["deviation"], runs["runs"]]
        for metric in METRICS
        for kind, one in runs.get(metric, {}).items()
    ]
    return _csv(["metric", "image", "mean", "deviation", "runs"], lines)


def runs_latex(runs: Mapping[str, Any]) -> str:
    """As `main_latex`, with the standard deviation over the runs behind each mean."""
    return _latex(runs, lambda form, one: f"{form.format(one['mean'])} $\\pm$ {form.format(one['deviation'])}")


def _csv(header: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *lines])
    return text.getvalue()


def _latex(figures: Mapping[str, Any], shown) -> str:
    metrics = [metric for metric in METRICS if metric in figures]
    kinds = [kind for kind in TITLES if any(kind in figures[metric] for metric in metrics)]
    rows = [["", *(TITLES[kind] for kind in kinds)]]
    for metric in metrics:
        title, form = METRICS[metric]
        rows.append([title, *(shown(form, figures[metric][kind]) if kind in figures[metric] else "--" for kind in kinds)])
    head, *body = [" & ".join(cell.replace("%", "\\%") for cell in row) + r" \\" for row in rows]
    columns = "l" + "r" * len(kinds)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"
