"""Evaluation of a checkpoint on a set of tracks: image quality and reading accuracy."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from lpasrn_jax.data import lp_tracks, pipeline
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import comparison, exports, report, strangers, summary
from lpasrn_jax.evaluation.comparison import METRICS_FILE
from lpasrn_jax.evaluation.evaluator import Evaluator
from lpasrn_jax.weights.bundle import Bundle
from lpasrn_jax.weights.load import load_weights

SPLITS = ("all", "train", "val")


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
    """Evaluate a checkpoint on the tracks below a folder.

    With a generator, SR is compared with bicubic; with an OCR, the texts read in these and in HR are scored. Writes into `out`
    metrics.json, report.md and its pictures; main.csv and main.tex, the main table; frames.npz, each frame's values.

    Args:
      checkpoint: a checkpoint, such as `runs/a/best`, or a bundle, such as `plates.safetensors`.
      data_root: tracks with HR frames.
      out: folder, made if it is new.
      split: `all` tracks, or the part that training on this root keeps for validation (`val`) or learns from (`train`).
      tfds_dir: where the prepared set goes; empty for a folder in `out`.
      baseline: weights with an OCR trained on bicubic images, as `configs/ocr_on_lr.py` does; they are read by both
        OCRs. Empty for none.
      against: the metrics.json of another evaluation, for the report to compare with: of the same images frame by frame. Empty
        for none.
      with_strangers: whether RapidOCR and Tesseract read the images too, as far as they are installed.

    Returns:
      The content of metrics.json.

    Raises:
      UserError: for a checkpoint, data or other evaluation that can't be used.
    """
    if split not in SPLITS:
        raise UserError(f"--split={split}: expected one of {', '.join(SPLITS)}")
    bundle = _weights(checkpoint)
    other = comparison.read_other(against) if against else None
    reader = tracks_reader(bundle, data_root, split, tfds_dir or f"{out}/prepared")
    evaluator = Evaluator(bundle)
    results = evaluator.frame_results(reader)
    if baseline and results.slots:
        results.slots["baseline"] = _baseline_slots(baseline, bundle, reader)
    read = summary.slot_texts(results, reader.plate_format)
    values = summary.frame_values(results, read, reader.plate_format)
    by_track = summary.tracks_right_by_frame(results, reader.plate_format.layout_masks())
    compared_values = {**values, comparison.TRACKS: by_track} if by_track else values
    plates = [reader.plate_format.decode(text) for text in results.text]
    metrics = {
        "checkpoint": str(checkpoint),
        "step": bundle.about.get("step"),
        "stages": list(bundle.config.get("lineage", ())),
        "note": bundle.about.get("note", ""),
        "baseline": baseline or None,
        "data_root": str(data_root),
        "split": split,
        "images": comparison.images_digest(reader),
        "tracks": len(reader.source),
        "frames": pipeline.num_examples(reader),
        **summary.summarize(results, read, values, reader.plate_format, reader.scenarios, bundle.calibration),
    }
    if read:
        metrics["calibration_failed"] = bundle.about.get("calibrated") is False
        metrics["calibration_plates"] = calibration_plates(bundle.config["data"], data_root, split)
    if with_strangers:
        metrics["strangers"] = strangers.metrics_by_stranger(evaluator, reader, results)
    rows = report.rows_to_show(results, read)
    folder = pathlib.Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / METRICS_FILE).write_text(json.dumps(metrics, indent=2) + "\n")
        (folder / "main.csv").write_text(exports.main_csv(metrics))
        (folder / "main.tex").write_text(exports.main_latex(metrics))
        comparison.save_frames(folder, compared_values, plates)
        compared = report.Compared(other.metrics, comparison.paired_intervals(compared_values, plates, other)) if other else None
        report.write_report(folder, metrics, results, read, rows, evaluator.pictures(reader, rows), reader.plate_format, compared)
    except OSError as error:
        raise UserError(f"--out={out}: cannot be written ({error.strerror}); choose a folder that can") from error
    return metrics


def _weights(checkpoint: str) -> Bundle:
    bundle = load_weights(checkpoint)
    if not bundle.params.keys() & {"generator", "ocr"}:
        there = ", ".join(sorted(bundle.params))
        raise UserError(f"--checkpoint={checkpoint}: holds {there}; give one with a generator or an ocr")
    return bundle


def _baseline_slots(path: str, bundle: Bundle, reader: pipeline.FramePairReader) -> Float[np.ndarray, "n k v"]:
    """Slot log-probabilities of another OCR on the bicubic images."""
    other = load_weights(path)
    if "ocr" not in other.params:
        raise UserError(f"--baseline={path}: holds {', '.join(sorted(other.params))}; give weights with an ocr")
    if (other.model.plate_format, other.model.hr_size) != (bundle.model.plate_format, bundle.model.hr_size):
        raise UserError(
            f"--baseline={path}: of other plates or another image size than --checkpoint; train it with the same config"
        )
    ocr = Bundle({"ocr": other.params["ocr"]}, other.config, other.about)
    return Evaluator(ocr).frame_results(reader).slots["bicubic"]


def calibration_plates(data: Mapping[str, Any], data_root: str, split: str) -> str:
    """Whether the plates that the calibration was fitted on, those of training's validation, are among those evaluated: `judged`
    if so, else `other`; `unknown` if the weights don't say where they were, or they are no longer there.

    They are all tracks of `data.val_root` where it is set, else the validation split of `data.root`.
    """
    root = data.get("val_root") or data.get("root")
    if not isinstance(root, str) or not pathlib.Path(root).is_dir():
        return "unknown"
    same = pathlib.Path(root).samefile(data_root)
    return "judged" if same and split != "train" else "other"


def tracks_reader(bundle: Bundle, data_root: str, split: str, tfds_dir: str) -> pipeline.FramePairReader:
    """The reader of the tracks to evaluate on: whole tracks if the model fuses them; arguments and errors as for `evaluate`."""
    model, data = bundle.model, bundle.config["data"]
    if "val_split" not in data and split != "all":
        raise UserError(f"--split={split}: these weights were not trained here and have no split; take --split=all")
    if data.get("val_root") and split != "all":
        raise UserError(f"--split={split}: training validated on another root; take --split=all --data-root={data['val_root']}")
    chosen = {"val_split": 0.0} if split == "all" else {key: data[key] for key in ("val_split", "val_list") if key in data}
    tracks = lp_tracks.prepare(data_root, model.plate_format, tfds_dir=tfds_dir, **chosen)
    source = {"all": tracks.all, "train": tracks.train, "val": tracks.val}[split]
    if not len(source):
        raise UserError(f"--split={split}: no track of {data_root} is in it; take --split=all, or add tracks")
    whole = "fusion" in model.networks
    return pipeline.FramePairReader(source, model.plate_format, tracks.scenarios, model.lr_size, model.hr_size, with_track=whole)
