"""Reliability diagrams of the confidence."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure


def write_reliability(path: pathlib.Path, by_frames: Mapping[str, Mapping[str, Any]], frames: Sequence[str]) -> None:
    """Reliability diagrams side by side: in each bin of confidence, the share of readings that are right.

    Args:
      path: of the PNG file.
      by_frames: the `confidence` section of metrics.json.
      frames: its keys, in the order to show.
    """
    figure = Figure(figsize=(4.2 * len(frames), 4), layout="constrained")
    for axis, count in zip(figure.subplots(1, len(frames), squeeze=False)[0], frames, strict=True):
        bins = by_frames[count]["bins"]
        largest = max(one["readings"] for one in bins)
        axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axis.plot([one["confidence"] for one in bins], [one["right"] for one in bins], color="#00468c", linewidth=1)
        sizes = [120 * one["readings"] / largest for one in bins]
        axis.scatter([one["confidence"] for one in bins], [one["right"] for one in bins], sizes, color="#00468c")
        axis.set(xlim=(0, 1), ylim=(-0.02, 1.02), xlabel="confidence", ylabel="share read right")
        axis.set_title(f"{by_frames[count]['readings']} readings from {count} frame{'' if count == '1' else 's'}")
    figure.savefig(path, dpi=100)
