"""An evaluation for a person to read: report.md and the pictures that it shows."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from lpasrn_jax.evaluation.pictures import image_grid

PICTURE = "pictures.png"
ROWS = 12
TITLES = {"lr": "LR", "bicubic": "bicubic", "sr": "SR", "hr": "HR"}

TEXT = """# Evaluation

{frames} frames of {tracks} tracks in `{data_root}` (split: {split}); checkpoint `{checkpoint}`, step {step}.

| | bicubic | SR | SR - bicubic |
|---|---|---|---|
| PSNR, dB | {psnr[bicubic]:.2f} | {psnr[sr]:.2f} | {psnr_gain:+.2f} |
| SSIM | {ssim[bicubic]:.4f} | {ssim[sr]:.4f} | {ssim_gain:+.4f} |

Means over frames, against the HR frame. PSNR: RGB in [0, 1], no border cropped. SSIM: Wang et al. 2004, Gaussian window of 11
pixels with sigma 1.5, K1 0.01, K2 0.03, each RGB channel alone and then averaged, without padding.

![LR, bicubic, SR and HR of {rows} frames, from the largest gain in PSNR to the smallest]({picture})

From the largest gain in PSNR (top) to the smallest, evenly spaced.
"""


def write_report(
    folder: pathlib.Path,
    summary: dict[str, Any],
    images: dict[str, Float[np.ndarray, "n h w 3"]],
    scores: dict[str, dict[str, Float[np.ndarray, " n"]]],
) -> None:
    """Write report.md and its picture into `folder`.

    Args:
      summary: the content of metrics.json.
      images: in [-1, 1], by kind: `lr`, `bicubic`, `sr`, `hr`.
      scores: `scores[metric][kind]`, one value a frame.
    """
    rows = rows_by_gain(scores["psnr"]["sr"] - scores["psnr"]["bicubic"], ROWS)
    grid = image_grid({title: images[kind][rows] for kind, title in TITLES.items()})
    Image.fromarray(grid).save(folder / PICTURE)
    gains = {f"{metric}_gain": summary[metric]["sr"] - summary[metric]["bicubic"] for metric in ("psnr", "ssim")}
    (folder / "report.md").write_text(TEXT.format(**summary, **gains, rows=len(rows), picture=PICTURE))


def rows_by_gain(gain: Float[np.ndarray, " n"], count: int) -> np.ndarray:
    """Indices of `count` examples, evenly spaced from the largest gain to the smallest; all of them where there are fewer."""
    order = np.argsort(-gain, kind="stable")
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return order[places]
