"""How good a checkpoint's images are on a set of tracks, and how well they are read."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from lpasrn_jax.data import lp_tracks, pipeline
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import report, strangers, summary
from lpasrn_jax.evaluation.judge import Judge
from lpasrn_jax.weights.bundle import Bundle
from lpasrn_jax.weights.load import load_weights

SPLITS = ("all", "train", "val")
METRICS_FILE = "metrics.json"


def evaluate(
    checkpoint: str,
    data_root: str,
    out: str,
    *,
    split: str = "all",
    tfds_dir: str = "",
    baseline: str = "",
    against: str = "",
    with_strangers: bool = False,
) -> dict:
    """Judge a checkpoint on the tracks below a folder; writes metrics.json, report.md and its pictures into `out`.

    With a generator, SR is judged beside bicubic; with an OCR, the text that it reads in these and in HR.

    Args:
      checkpoint: a checkpoint, such as `runs/a/best`, or a bundle, such as `plates.safetensors`.
      data_root: tracks with HR frames.
      out: folder, made if it is new.
      split: `all` tracks, or the part that training on this root keeps for validation (`val`) or learns from (`train`).
      tfds_dir: where the prepared set goes; empty for TFDS's own default.
      baseline: weights with an OCR that was trained to read bicubic images, as `configs/ocr_on_lr.py` does; it reads them beside
        the checkpoint's own. Empty for none.
      against: the metrics.json of another evaluation, for the report to compare with. Empty for none.
      with_strangers: have the images read by RapidOCR and Tesseract too, as far as they are installed.

    Returns:
      The content of metrics.json.

    Raises:
      UserError: for a checkpoint, data or other evaluation that can't be used.
    """
    if split not in SPLITS:
        raise UserError(f"--split={split}: expected one of {', '.join(SPLITS)}")
    bundle = _weights(checkpoint)
    other = _other_metrics(against) if against else None
    reader = _reader(bundle, data_root, split, tfds_dir)
    judge = Judge(bundle)
    judged = judge.frames(reader)
    if baseline and judged.slots:
        judged.slots["baseline"] = _baseline_slots(baseline, bundle, reader)
    read = summary.slot_texts(judged, reader.plate_format)
    found = {
        "checkpoint": str(checkpoint),
        "step": bundle.about.get("step"),
        "stages": list(bundle.config.get("lineage", ())),
        "note": bundle.about.get("note", ""),
        "baseline": baseline or None,
        "data_root": str(data_root),
        "split": split,
        "tracks": len(reader.source),
        "frames": pipeline.num_examples(reader),
        **summary.summarize(judged, read, reader.plate_format, reader.scenarios, bundle.calibration),
    }
    if read:
        found["calibration_failed"] = bundle.about.get("calibrated") is False
        found["calibration_plates"] = calibration_plates(bundle.config["data"], data_root, split)
    if with_strangers:
        found["strangers"] = strangers.judge_images(judge, reader, judged)
    rows = report.rows_to_show(judged, read)
    folder = pathlib.Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / METRICS_FILE).write_text(json.dumps(found, indent=2) + "\n")
        report.write_report(folder, found, judged, read, rows, judge.pictures(reader, rows), reader.plate_format, other)
    except OSError as error:
        raise UserError(f"--out={out}: cannot be written ({error.strerror}); choose a folder that can") from error
    return found


def _weights(checkpoint: str) -> Bundle:
    bundle = load_weights(checkpoint)
    if not bundle.params.keys() & {"generator", "ocr"}:
        there = ", ".join(sorted(bundle.params))
        raise UserError(f"--checkpoint={checkpoint}: holds {there}; give one with a generator or an ocr")
    return bundle


def _baseline_slots(path: str, bundle: Bundle, reader: pipeline.FramePairReader) -> Float[np.ndarray, "n k v"]:
    """What another OCR reads in the bicubic images."""
    other = load_weights(path)
    if "ocr" not in other.params:
        raise UserError(f"--baseline={path}: holds {', '.join(sorted(other.params))}; give weights with an ocr")
    if (other.model.plate_format, other.model.hr_size) != (bundle.model.plate_format, bundle.model.hr_size):
        raise UserError(
            f"--baseline={path}: of other plates or another image size than --checkpoint; train it with the same config"
        )
    ocr = Bundle({"ocr": other.params["ocr"]}, other.config, other.about)
    return Judge(ocr).frames(reader).slots["bicubic"]


def _other_metrics(path: str) -> dict[str, Any]:
    try:
        found = json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"--against={path}: can't be read ({error}); give the {METRICS_FILE} of another evaluation") from error
    if not isinstance(found, dict) or "psnr" not in found:
        raise UserError(f"--against={path}: holds no metrics; give the {METRICS_FILE} of another evaluation")
    return found


def calibration_plates(data: Mapping[str, Any], data_root: str, split: str) -> str:
    """Whether the plates that a calibration was fitted on, training's validation split, are `judged`, or `other` ones than those
    are; `unknown` if the weights don't tell where they were, or it is no longer there."""
    root = data.get("root")
    if not isinstance(root, str) or not pathlib.Path(root).is_dir():
        return "unknown"
    same = pathlib.Path(root).samefile(data_root)
    return "judged" if same and split != "train" else "other"


def _reader(bundle: Bundle, data_root: str, split: str, tfds_dir: str) -> pipeline.FramePairReader:
    model, val_split = bundle.model, bundle.config["data"].get("val_split")
    if val_split is None and split != "all":
        raise UserError(f"--split={split}: these weights were not trained here and have no split; take --split=all")
    tracks = lp_tracks.prepare(data_root, model.plate_format, tfds_dir=tfds_dir, val_split=val_split or 0.0)
    source = {"all": tracks.all, "train": tracks.train, "val": tracks.val}[split]
    if not len(source):
        raise UserError(f"--split={split}: no track of {data_root} is in it; take --split=all, or add tracks")
    whole = "fusion" in model.networks
    return pipeline.FramePairReader(source, model.plate_format, tracks.scenarios, model.lr_size, model.hr_size, with_track=whole)
