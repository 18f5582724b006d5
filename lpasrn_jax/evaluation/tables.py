"""The tables of a report, in Markdown, from the content of metrics.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TITLES = {"bicubic": "bicubic", "baseline": "bicubic, OCR trained on it", "sr": "SR", "fused": "fused", "hr": "HR"}

# Of each metric: its name and the form of its figure.
METRICS = {
    "psnr": ("PSNR, dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "char_acc": ("characters right", "{:.2%}"),
    "edit_acc": ("edit accuracy", "{:.2%}"),
    "word_acc": ("plates wholly right", "{:.2%}"),
}


def metrics_table(found: Mapping[str, Any]) -> str:
    """Each metric of each kind of image, with its interval, and what SR gains over bicubic."""
    metrics = [metric for metric in METRICS if metric in found]
    kinds = [kind for kind in TITLES if any(kind in found[metric] for metric in metrics)]
    gain = ["sr - bicubic"] if "sr" in kinds else []
    rows = []
    for metric in metrics:
        name, form = METRICS[metric]
        intervals = found["intervals"][metric]
        cells = [_with_interval(form, found[metric][kind], intervals[kind]) if kind in found[metric] else "-" for kind in kinds]
        cells += [_with_interval(form, found[metric]["sr"] - found[metric]["bicubic"], intervals[name]) for name in gain]
        rows.append([name, *cells])
    for count, shares in found.get("at_least", {}).items():
        cells = [f"{shares[kind]:.2%}" if kind in shares else "-" for kind in kinds]
        cells += [f"{shares['sr'] - shares['bicubic']:.2%}" for _ in gain]
        rows.append([f"at least {count} characters right", *cells])
    return table(["", *(TITLES[kind] for kind in kinds), *(["SR - bicubic"] if gain else [])], rows)


def decoders_table(decoders: Mapping[str, Mapping[str, float]]) -> str:
    """The accuracies of each way from the OCR's output to a text."""
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
    """Accuracies of tracks: a row a name, a column a number of frames."""
    counts = list(next(iter(by_name.values())))
    rows = [[name, *(f"{row[count]:.2%}" for count in counts)] for name, row in by_name.items()]
    return table(["frames", *counts], rows)


def confidence_table(by_frames: Mapping[str, Mapping[str, Any]]) -> str:
    """How the confidence of readings from so many frames relates to their being right."""
    rows = []
    for count, one in by_frames.items():
        gap = "-" if one["gap"] is None else f"{one['gap']:.3f}"
        cells = [f"{one['right']:.2%}", f"{one['mean']:.2%}", gap, f"{one['calibration_error']:.3f}"]
        rows.append([count, *cells, *(f"{share:.2%}" for share in one["coverage_at_risk"].values())])
    return table(["frames", "right", "mean confidence", "gap", "calibration error", "coverage at 1 % wrong"], rows)


def confusions_table(confusions: Sequence[Sequence[Any]]) -> str:
    """Pairs of a true character and the one that was read."""
    return table(["true", "read", "times"], [[str(cell) for cell in row] for row in confusions])


def against_table(found: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Of each figure that both evaluations have: this one, the other, and the difference."""
    rows = []
    for metric, (name, form) in METRICS.items():
        for kind, title in TITLES.items():
            if kind in found.get(metric, {}) and kind in other.get(metric, {}):
                new, old = found[metric][kind], other[metric][kind]
                rows.append([f"{name}, {title}", form.format(new), form.format(old), form.replace(":", ":+").format(new - old)])
    for count, new in found.get("track_acc", {}).get("log_probs", {}).items():
        old = other.get("track_acc", {}).get("log_probs", {}).get(count)
        if old is not None:
            rows.append([f"tracks wholly right, {count} frames", f"{new:.2%}", f"{old:.2%}", f"{new - old:+.2%}"])
    return table(["", "this", "other", "difference"], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["".join(f"| {cell} " if cell else "| " for cell in row) + "|" for row in (header, *rows)]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


def _with_interval(form: str, value: float, interval: Sequence[float]) -> str:
    low, high = (form.format(end) for end in interval)
    return f"{form.format(value)} [{low}, {high}]"
