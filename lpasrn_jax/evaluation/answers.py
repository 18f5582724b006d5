"""The first table of a report: whether the generated images are better than bicubic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lpasrn_jax.evaluation.aggregate import difference, made_kinds
from lpasrn_jax.evaluation.tables import METRICS, STRANGERS_METRICS, TITLES, table, with_interval

BY_STRANGERS = "Does a stranger read it better?"
QUESTIONS = {  # with the metrics that answer them
    "Is it nearer to HR?": ("psnr", "ssim"),
    "Is it true to LR?": ("consistency", "colour_shift", "blue_shift"),
    BY_STRANGERS: ("word_acc", "word_acc_mapped"),
    "Do we read it better?": ("char_acc", "word_acc"),
}
# Lower is better down to the value of HR: no image has to be nearer to the noisy LR frame than HR is.
AT_MOST_HR = ("consistency", "colour_shift")

DEFINITIONS = """\
Means over frames; of strangers, over the first frames of the tracks. yes: the 95 % interval of the difference, by bootstrap over
plates, is wholly on the better side of 0; no: on the worse side; open: it holds 0. Better is more than bicubic has; but of the
errors against LR, less than HR has, which the camera's noise and light keep from its LR frame (and another moment, in sets that
are not aligned). The blue shift is a difference from bicubic itself: near 0, no band was painted."""


class _Row(NamedTuple):
    title: str
    form: str
    figures: Mapping[str, float]
    intervals: Mapping[str, Sequence[float]]
    at_most_hr: bool = False


def answers_table(metrics: Mapping[str, Any]) -> str:
    """Each question, the figures that answer it, and the answers; empty without generated images.

    Args:
      metrics: the content of metrics.json.
    """
    made = made_kinds(metrics["psnr"])
    if not made:
        return ""
    kinds = [kind for kind in TITLES if kind in (*made, "bicubic", "hr")]
    lines = []
    for question in QUESTIONS:
        rows = _rows(metrics, question)
        for i, row in enumerate(rows):
            figures = [row.form.format(row.figures[kind]) if kind in row.figures else "-" for kind in kinds]
            lines.append([question if i == 0 else "", row.title, *figures, *(_answer(row, kind) for kind in made)])
        if not rows:
            lines.append([question, _why_not(metrics, question), *["-"] * (len(kinds) + len(made))])
    return table(["", "", *(TITLES[kind] for kind in kinds), *(f"answer for {TITLES[kind]}" for kind in made)], lines)


def _rows(metrics: Mapping[str, Any], question: str) -> list[_Row]:
    """The rows that answer a question; empty if it was not measured."""
    if question != BY_STRANGERS:
        return [
            _Row(*METRICS[metric], metrics[metric], metrics["intervals"][metric], metric in AT_MOST_HR)
            for metric in QUESTIONS[question]
            if metric in metrics
        ]
    return [
        _Row(f"{name}, {STRANGERS_METRICS[metric][0]}", STRANGERS_METRICS[metric][1], of[metric], of["intervals"][metric])
        for name, of in metrics.get("strangers", {}).items()
        if "left_out" not in of
        for metric in QUESTIONS[question]
    ]


def _answer(row: _Row, kind: str) -> str:
    other = "hr" if row.at_most_hr else "bicubic"
    if not {kind, other} <= row.figures.keys():
        return "-"
    low, high = row.intervals[difference(kind, other)]
    above, below = ("**no**", "**yes**") if row.at_most_hr else ("**yes**", "**no**")
    answer = above if low > 0 else below if high < 0 else "open"
    return f"{answer}: {with_interval(row.form, row.figures[kind] - row.figures[other], (low, high))} over {TITLES[other]}"


def _why_not(metrics: Mapping[str, Any], question: str) -> str:
    if question != BY_STRANGERS:
        return "the checkpoint has no OCR"
    return "none is installed" if "strangers" in metrics else "not asked: `--strangers`"
