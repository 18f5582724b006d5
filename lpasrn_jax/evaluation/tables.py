"""The tables of a report, in Markdown, from the content of metrics.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lpasrn_jax.evaluation.aggregate import difference, made_kinds
from lpasrn_jax.evaluation.comparison import TRACKS
from lpasrn_jax.wording import counted

TITLES = {"bicubic": "bicubic", "baseline": "bicubic, OCR trained on it", "sr": "SR", "fused": "fused", "hr": "HR"}

# The title of each metric and the format of its figures.
METRICS = {
    "psnr": ("PSNR, dB", "{:.2f}"),
    "psnr_y": ("PSNR-Y, dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "consistency": ("consistency error, grey levels", "{:.2f}"),
    "colour_difference": ("colour difference, Delta E", "{:.2f}"),
    "colour_shift": ("colour shift, Delta E", "{:.2f}"),
    "blue_shift": ("blue shift of the top fifth, grey levels", "{:.2f}"),
    "char_acc": ("characters right", "{:.2%}"),
    "edit_acc": ("edit accuracy", "{:.2%}"),
    "word_acc": ("plates wholly right", "{:.2%}"),
}
CALIBRATION_ERRORS = {"calibration_error": "calibration error", "calibration_error_by_chance": "by chance"}
STRANGERS_METRICS = {
    "edit_acc": ("edit accuracy", "{:.2%}"),
    "word_acc": ("plates wholly right", "{:.2%}"),
    "word_acc_mapped": ("plates wholly right, look-alikes mapped", "{:.2%}"),
}


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """Each metric of each kind of image, with its interval, and the gain of the generated images over bicubic."""
    made = made_kinds({kind for metric in METRICS for kind in metrics.get(metric, {})})
    lines = _lines(metrics, METRICS, made)
    kinds = _kinds(metrics, METRICS)
    for count, shares in metrics.get("at_least", {}).items():
        cells = [f"{shares[kind]:.2%}" if kind in shares else "-" for kind in kinds]
        cells += [f"{shares[kind] - shares['bicubic']:.2%}" for kind in made]
        lines.append([f"at least {count} characters right", *cells])
    return table(["", *_heads(kinds, made)], lines)


def strangers_table(strangers: Mapping[str, Mapping[str, Any]]) -> str:
    """Accuracies of each stranger for each kind of image, with intervals, and the gain over bicubic."""
    here = {name: of for name, of in strangers.items() if "left_out" not in of}
    kinds = _kinds(next(iter(here.values())), STRANGERS_METRICS)
    made = made_kinds(kinds)
    lines = [[f"{name}, {line[0]}", *line[1:]] for name, of in here.items() for line in _lines(of, STRANGERS_METRICS, made)]
    return table(["", *_heads(kinds, made)], lines)


def layouts_table(by_layout: Mapping[str, Mapping[str, Any]]) -> str:
    """Image metrics per layout."""
    first = next(iter(by_layout.values()))
    formats = {metric: METRICS[metric] for metric in METRICS if metric in first}
    kinds = _kinds(first, formats)
    lines = []
    for name, of in by_layout.items():
        for metric, (title, form) in formats.items():
            cells = [form.format(of[metric][kind]) if kind in of[metric] else "-" for kind in kinds]
            lines.append([f"{name}, {title}", *cells])
    return table(["", *_heads(kinds, [])], lines)


def _kinds(metrics: Mapping[str, Any], formats: Mapping[str, Any]) -> list[str]:
    return [kind for kind in TITLES if any(kind in metrics.get(metric, {}) for metric in formats)]


def _heads(kinds: Sequence[str], made: Sequence[str]) -> list[str]:
    return [*(TITLES[kind] for kind in kinds), *(f"{TITLES[kind]} - bicubic" for kind in made)]


def _lines(metrics: Mapping[str, Any], formats: Mapping[str, tuple[str, str]], made: Sequence[str]) -> list[list[str]]:
    """One line per metric: the figure of each kind, and the differences from bicubic, with intervals."""
    lines = []
    for metric, (title, form) in formats.items():
        if metric not in metrics:
            continue
        figures, intervals = metrics[metric], metrics["intervals"][metric]
        differences = {
            difference(kind): figures[kind] - figures["bicubic"] for kind in made if {kind, "bicubic"} <= figures.keys()
        }
        columns = {**figures, **differences}
        names = [*_kinds(metrics, formats), *map(difference, made)]
        lines.append([title, *(with_interval(form, columns[n], intervals[n]) if n in columns else "-" for n in names)])
    return lines


def decoders_table(decoders: Mapping[str, Mapping[str, float]]) -> str:
    """Accuracies of each decoder of the OCR's output."""
    names = {"slots": "slots", "ctc_beam": "CTC, prefix beam under the layouts", "ctc_greedy": "CTC, best path"}
    rows = [[names[name], f"{row['edit_acc']:.2%}", f"{row['word_acc']:.2%}"] for name, row in decoders.items()]
    return table(["", "edit accuracy", "plates wholly right"], rows)


def groups_table(groups: Mapping[str, Mapping[str, Any]]) -> str:
    """Characters, frames and tracks right in each group of tracks."""
    kinds = [kind for kind in TITLES if any(kind in group["char_acc"] for group in groups.values())]
    rows = []
    for name, group in groups.items():
        cells = [f"{group['char_acc'][kind]:.2%} / {group['word_acc'][kind]:.2%}" for kind in kinds]
        rows.append([name, str(group["tracks"]), *cells, f"{group['track_acc']:.2%}"])
    return table(["characters / plates right", "tracks", *(TITLES[kind] for kind in kinds), "whole track"], rows)


def tracks_table(by_name: Mapping[str, Mapping[str, float]]) -> str:
    """Accuracies of tracks: one row per name, one column per number of frames."""
    counts = list(next(iter(by_name.values())))
    rows = [[name, *(f"{row[count]:.2%}" for count in counts)] for name, row in by_name.items()]
    return table(["frames", *counts], rows)


def fused_table(by_metric: Mapping[str, Mapping[str, float]]) -> str:
    """The image that the generator makes of a track, by number of frames."""
    counts = list(by_metric["psnr"])
    rows = [[METRICS[metric][0], *(METRICS[metric][1].format(of[count]) for count in counts)] for metric, of in by_metric.items()]
    return table(["one image of so many frames", *counts], rows)


def readings_table(by_source: Mapping[str, Mapping[str, Any]]) -> str:
    """How many readings of given tracks are right, and how sure they are; a row for what was read."""
    rows = []
    for name, of in by_source.items():
        share = with_interval("{:.1%}", of["right"] / of["readings"], of["interval"])
        gap = "-" if of["gap"] is None else f"{of['gap']:.2f}"
        errors = [f"{of[key]:.3f}" for key in CALIBRATION_ERRORS]
        rows.append([name, f"{of['right']} of {of['readings']}", share, f"{of['confidence']:.2f}", gap, *errors])
    return table(["read", "right", "share", "mean confidence", "gap", *CALIBRATION_ERRORS.values()], rows)


def given_strangers_table(by_stranger: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """What strangers read in the images of given tracks; a row per reader and measure, a column per kind of image."""
    kinds = list(next(iter(by_stranger.values())))
    measures = {"plates right": "right", "plates right, look-alikes mapped": "mapped", "characters right": "characters"}
    rows = [
        [f"{name}, {measure}", *(f"{of[kind][key]:.1%}" if key == "characters" else str(of[kind][key]) for kind in kinds)]
        for name, of in by_stranger.items()
        for measure, key in measures.items()
    ]
    return table(["", *(TITLES.get(kind, kind) for kind in kinds)], rows)


def confidence_table(by_frames: Mapping[str, Mapping[str, Any]]) -> str:
    """Accuracy, confidence and calibration of readings, by the number of frames."""
    rows = []
    for count, one in by_frames.items():
        gap = "-" if one["gap"] is None else f"{one['gap']:.3f}"
        cells = [f"{one['right']:.2%}", f"{one['mean']:.2%}", gap, *(f"{one[key]:.3f}" for key in CALIBRATION_ERRORS)]
        rows.append([count, *cells, *(f"{share:.2%}" for share in one["coverage_at_risk"].values())])
    return table(["frames", "right", "mean confidence", "gap", *CALIBRATION_ERRORS.values(), "coverage at 1 % wrong"], rows)


def confusions_table(confusions: Sequence[Sequence[Any]]) -> str:
    """The most frequent misreadings."""
    return table(["true", "read", "times"], [[str(cell) for cell in row] for row in confusions])


def characters_table(characters: Mapping[str, Mapping[str, Any]], main: str) -> str:
    """How well each character is read in each kind of image, and what it is taken for in the main one."""
    kinds = [kind for kind in TITLES if any(kind in one["right"] for one in characters.values())]
    rows = [
        [label, str(one["times"]), *(f"{one['right'][kind]:.1%}" for kind in kinds), one["taken_for"] or "-"]
        for label, one in characters.items()
    ]
    return table(["character", "times", *(TITLES[kind] for kind in kinds), f"in {TITLES[main]} taken for"], rows)


def against_table(
    metrics: Mapping[str, Any],
    other: Mapping[str, Any],
    intervals: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    with_differences: bool,
) -> str:
    """Each figure that both evaluations have: this one, the other and, for the same images, the difference.

    Args:
      metrics: the content of metrics.json.
      other: the same of the other evaluation.
      intervals: of the differences, where known.
      with_differences: whether to show differences; False for different images.
    """
    rows = []
    for metric, (name, form) in METRICS.items():
        for kind, title in TITLES.items():
            if kind in metrics.get(metric, {}) and kind in other.get(metric, {}):
                new, old = metrics[metric][kind], other[metric][kind]
                difference = _difference(form, new - old, intervals.get(metric, {}).get(kind))
                rows.append([f"{name}, {title}", form.format(new), form.format(old), difference])
    for count, new in metrics.get("track_acc", {}).get("log_probs", {}).items():
        old = other.get("track_acc", {}).get("log_probs", {}).get(count)
        if old is not None:
            difference = _difference("{:.2%}", new - old, intervals.get(TRACKS, {}).get(count))
            rows.append([f"tracks wholly right, {counted(int(count), 'frame')}", f"{new:.2%}", f"{old:.2%}", difference])
    header = ["", "this", "other", "difference"]
    return table(header, rows) if with_differences else table(header[:-1], [row[:-1] for row in rows])


def _difference(form: str, value: float, interval: Sequence[float] | None) -> str:
    signed = form.replace(":", ":+")
    return with_interval(signed, value, interval) if interval else signed.format(value)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["".join(f"| {cell} " if cell else "| " for cell in row) + "|" for row in (header, *rows)]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


def with_interval(form: str, value: float, interval: Sequence[float]) -> str:
    """A figure and, in brackets, its interval, all in the same format."""
    low, high = (form.format(end) for end in interval)
    return f"{form.format(value)} [{low}, {high}]"
