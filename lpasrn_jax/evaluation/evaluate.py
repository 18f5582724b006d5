"""How good a checkpoint's images are on a set of tracks."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from lpasrn_jax import images
from lpasrn_jax.data import lp_tracks, pipeline
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import metrics, report
from lpasrn_jax.models.generator import Generator, create_generator
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.weights.load import load_weights

BATCH_SIZE = 32
LR_SIZE = (24, 72)  # of weights that do not say which size they were trained at
SPLITS = ("all", "train", "val")

Scores = dict[str, dict[str, Float[np.ndarray, "n"]]]  # scores[metric][kind of image], one value a frame
Images = dict[str, Float[np.ndarray, "n h w 3"]]


def evaluate(checkpoint: str, data_root: str, out: str, *, split: str = "all", tfds_dir: str = "") -> dict:
    """Judge a checkpoint on the tracks below a folder; writes metrics.json, report.md and a picture into `out`.

    Args:
      checkpoint: a checkpoint, such as `runs/a/best`, or a bundle, such as `plates.safetensors`.
      data_root: tracks with HR frames.
      out: folder, made if it is new.
      split: `all` tracks, or the part that training on this root keeps for validation (`val`) or learns from (`train`).
      tfds_dir: where the prepared set goes; empty for TFDS's own default.

    Returns:
      The content of metrics.json.

    Raises:
      UserError: for a checkpoint or data that can't be used.
    """
    if split not in SPLITS:
        raise UserError(f"--split={split}: expected one of {', '.join(SPLITS)}")
    bundle = load_weights(checkpoint)
    reader = _reader(bundle.config, data_root, split, tfds_dir)
    generator = create_generator(bundle.config["model"])
    made, scores = score_images(generator, bundle.params["generator"], reader)
    summary = {
        "checkpoint": str(checkpoint),
        "step": bundle.about.get("step"),
        "data_root": str(data_root),
        "split": split,
        "tracks": len(reader.source),
        "frames": pipeline.num_examples(reader),
    } | {metric: {kind: float(values.mean()) for kind, values in by_kind.items()} for metric, by_kind in scores.items()}
    folder = pathlib.Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text(json.dumps(summary, indent=2) + "\n")
        report.write_report(folder, summary, made, scores)
    except OSError as error:
        raise UserError(f"--out={out}: cannot be written ({error.strerror}); choose a folder that can") from error
    return summary


def score_images(generator: Generator, params, reader: pipeline.FramePairReader) -> tuple[Images, Scores]:
    """Every frame's images in [-1, 1] by kind (`lr`, `bicubic`, `sr`, `hr`), and their scores against `hr`."""

    @jax.jit
    def score(params, lr: Array, hr: Array):
        lr, hr = images.to_float(lr), images.to_float(hr)
        made = metrics.judged_images(generator, params, lr)
        return {"lr": lr, **made, "hr": hr}, metrics.image_scores(made, hr)

    parts = []
    for batch in pipeline.eval_batches(reader, batch_size=BATCH_SIZE):
        parts.append(
            jax.tree.map(lambda values, real=batch["mask"]: values[real], jax.device_get(score(params, batch["lr"], batch["hr"])))
        )
    return jax.tree.map(lambda *columns: np.concatenate(columns), *parts)


def _reader(config: Mapping[str, Any], data_root: str, split: str, tfds_dir: str) -> pipeline.FramePairReader:
    plate_format = PlateFormat.create(**config["plates"])
    data = config.get("data", {})  # imported weights come without
    if split == "all":
        val_split = 1.0
    elif "val_split" in data:
        val_split = data["val_split"]
    else:
        raise UserError(f"--split={split}: these weights were not trained here and have no split; take --split=all")
    tracks = lp_tracks.prepare(data_root, plate_format, tfds_dir=tfds_dir, val_split=val_split)
    source = tracks.train if split == "train" else tracks.val
    if not len(source):
        raise UserError(f"--split={split}: no track of {data_root} is in it; take --split=all, or add tracks")
    height, width = data.get("lr_size", LR_SIZE)
    scale = config["model"]["scale"]
    return pipeline.FramePairReader(source, plate_format, tracks.scenarios, (height, width), (height * scale, width * scale))
