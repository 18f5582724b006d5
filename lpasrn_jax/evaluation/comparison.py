"""Comparison of two evaluations: frame by frame if they are of the same images, else side by side only."""

from __future__ import annotations

import hashlib
import json
import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lpasrn_jax.data import pipeline
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation.aggregate import Values
from lpasrn_jax.evaluation.bootstrap import bootstrap_interval

METRICS_FILE, FRAMES_FILE = "metrics.json", "frames.npz"
PLATES = "plates"  # the array in `FRAMES_FILE` that is not a metric
TRACKS = "tracks"  # of the arrays by number of frames: the share of each frame's track that is read wholly right


class Other(NamedTuple):
    """metrics: the content of another evaluation's metrics.json. values, plates: per frame; None without its frames.npz."""

    metrics: Mapping[str, Any]
    values: Values | None
    plates: Sequence[str] | None


def images_digest(reader: pipeline.FramePairReader) -> str:
    """Identifies the images of an evaluation and the sizes at which they are compared."""
    digest = hashlib.sha256(repr((reader.lr_size, reader.hr_size, reader.crop_margins)).encode())
    for record in reader.source:
        for part in (record["track"], record["text"], *record["lr"], *record["hr"]):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]


def save_frames(folder: pathlib.Path, values: Values, plates: Sequence[str]) -> None:
    """Write each frame's values, for other evaluations to pair theirs with."""
    columns = {f"{metric}/{kind}": column for metric, by_kind in values.items() for kind, column in by_kind.items()}
    np.savez_compressed(folder / FRAMES_FILE, **columns, **{PLATES: np.array(plates)})


def read_other(path: str) -> Other:
    """Another evaluation, from its metrics.json and what lies beside it.

    Raises:
      UserError: for a file that can't be read or holds no metrics.
    """
    try:
        metrics = json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"--against={path}: can't be read ({error}); give the {METRICS_FILE} of another evaluation") from error
    if not isinstance(metrics, dict) or "psnr" not in metrics:
        raise UserError(f"--against={path}: holds no metrics; give the {METRICS_FILE} of another evaluation")
    frames = pathlib.Path(path).with_name(FRAMES_FILE)
    if not frames.exists():
        return Other(metrics, None, None)
    values: dict[str, dict[str, np.ndarray]] = {}
    try:
        with np.load(frames) as columns:
            plates = columns[PLATES].tolist()
            for name in columns.files:
                if name != PLATES:
                    metric, _, kind = name.partition("/")
                    values.setdefault(metric, {})[kind] = columns[name]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{frames}: can't be read ({error}); evaluate that checkpoint again") from error
    return Other(metrics, values, plates)


def same_images(metrics: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two evaluations are known to be of the same images."""
    return metrics.get("images") is not None and metrics["images"] == other.get("images")


def paired_intervals(values: Values, plates: Sequence[str], other: Other) -> dict[str, dict[str, tuple[float, float]]]:
    """95 % intervals of the differences of each figure from another evaluation of the same images, paired by frame.

    Args:
      values: by metric and kind of image.
      plates: the true text of each frame's plate.
    """
    if other.values is None or list(other.plates or ()) != list(plates):
        return {}
    return {
        metric: {
            kind: bootstrap_interval(column - other.values[metric][kind], plates)
            for kind, column in by_kind.items()
            if kind in other.values.get(metric, {})
        }
        for metric, by_kind in values.items()
    }
