"""An evaluation for a person to read: report.md and the pictures that it shows."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from lpasrn_jax.evaluation.pictures import image_grid

PICTURE = "pictures.png"
ROWS = 12
TITLES = {"lr": "LR", "bicubic": "bicubic", "sr": "SR", "hr": "HR"}
COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

# Of each metric: its name and the form of its figure.
METRICS = {
    "psnr": ("PSNR, dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "char_acc": ("characters right", "{:.2%}"),
    "word_acc": ("plates wholly right", "{:.2%}"),
}

IMAGE_DEFINITIONS = """\
Means over frames, against the HR frame. PSNR: RGB in [0, 1], no border cropped. SSIM: Wang et al. 2004, Gaussian window of 11
pixels with sigma 1.5, K1 0.01, K2 0.03, each RGB channel alone and then averaged, without padding."""

TEXT_DEFINITIONS = """\
The checkpoint's own OCR reads each frame by itself and finds out the layout. Characters right: the share of a plate's {slots}
slots in which the true character is read. Plates wholly right: the share of frames with all {slots} right."""


def write_report(
    folder: pathlib.Path,
    summary: Mapping[str, Any],
    images: Mapping[str, Float[np.ndarray, "n h w 3"]],
    texts: Mapping[str, Sequence[str]],
    truth: Sequence[str],
) -> None:
    """Write report.md and its picture into `folder`.

    Args:
      summary: the content of metrics.json.
      images: of the frames to show, in [-1, 1], by kind: `lr`, `bicubic`, `sr`, `hr`.
      texts: what was read in them, by kind; nothing without an OCR.
      truth: what is written on their plates.
    """
    titles = {kind: title for kind, title in TITLES.items() if kind in images}
    captions = {titles[kind]: read for kind, read in texts.items()}
    if captions:
        titles["lr"] = "LR, true text"
        captions[titles["lr"]] = truth
    grid = image_grid({title: images[kind] for kind, title in titles.items()}, captions=captions, truth=truth)
    Image.fromarray(grid).save(folder / PICTURE)
    (folder / "report.md").write_text(report_text(summary, slots=len(truth[0]), rows=len(truth)))


def report_text(summary: Mapping[str, Any], *, slots: int, rows: int) -> str:
    """The Markdown of an evaluation.

    Args:
      summary: the content of metrics.json.
      slots: characters of a plate.
      rows: frames that the picture shows.
    """
    parts = ["# Evaluation", _subject(summary), _table(summary), IMAGE_DEFINITIONS]
    if "char_acc" in summary:
        parts += [TEXT_DEFINITIONS.format(slots=slots), _confusions(summary)]
    return "\n\n".join([*parts, *_picture(summary, rows)]) + "\n"


def rows_to_show(scores: Mapping[str, Mapping[str, Float[np.ndarray, " n"]]]) -> Int[np.ndarray, " r"]:
    """The frames that the picture shows, from the largest gain in PSNR to the smallest; without SR, by what is read in bicubic.

    Args:
      scores: `scores[metric][kind]`, one value a frame.
    """
    if "sr" in scores["psnr"]:
        return rows_by_gain(scores["psnr"]["sr"] - scores["psnr"]["bicubic"], ROWS)
    return rows_by_gain(scores["char_acc"]["bicubic"], ROWS)


def rows_by_gain(gain: Float[np.ndarray, " n"], count: int) -> Int[np.ndarray, " r"]:
    """Indices of `count` examples, evenly spaced from the largest gain to the smallest; all of them where there are fewer."""
    order = np.argsort(-gain, kind="stable")
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return order[places]


def _subject(summary: Mapping[str, Any]) -> str:
    step = "" if summary["step"] is None else f", step {summary['step']}"  # imported weights do not know theirs
    subject = (
        f"{summary['frames']} frames of {summary['tracks']} tracks in `{summary['data_root']}` (split: {summary['split']}); "
        f"checkpoint `{summary['checkpoint']}`{step}."
    )
    stages = summary["stages"]
    if not stages:
        return subject
    count = COUNTS[len(stages) - 1] if len(stages) <= len(COUNTS) else len(stages)
    return f"{subject}\nTrained in {count} stage{'s' if len(stages) > 1 else ''}: {', '.join(stages)}."


def _table(summary: Mapping[str, Any]) -> str:
    metrics = [metric for metric in METRICS if metric in summary]
    kinds = [kind for kind in TITLES if any(kind in summary[metric] for metric in metrics)]
    lines = [f"| | {' | '.join(TITLES[kind] for kind in kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for metric in metrics:
        name, form = METRICS[metric]
        cells = [form.format(summary[metric][kind]) if kind in summary[metric] else "-" for kind in kinds]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _confusions(summary: Mapping[str, Any]) -> str:
    kind = TITLES["sr" if "sr" in summary["char_acc"] else "hr"]
    if not summary["confusions"]:
        return f"In {kind}, no character was misread."
    rows = "\n".join(f"| {true} | {read} | {times} |" for true, read, times in summary["confusions"])
    return f"The most frequent misreadings in {kind}:\n\n| true | read | times |\n|---|---|---|\n{rows}"


def _picture(summary: Mapping[str, Any], rows: int) -> list[str]:
    with_sr = "sr" in summary["psnr"]
    kinds = "LR, bicubic, SR and HR" if with_sr else "LR, bicubic and HR"
    if with_sr:
        order = "From the largest gain in PSNR over bicubic (top) to the smallest, evenly spaced."
    else:
        order = "From the most characters of bicubic read right (top) to the fewest, evenly spaced."
    if "char_acc" in summary:
        order += "\nBelow LR is the true text, below each other image what was read in it; wrong characters are white on red."
    return [f"![{kinds} of {rows} frames]({PICTURE})", order]
