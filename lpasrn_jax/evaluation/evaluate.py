"""How good a checkpoint's images are on a set of tracks, and how well they are read."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from lpasrn_jax import images
from lpasrn_jax.data import lp_tracks, pipeline
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import metrics, report
from lpasrn_jax.models.generator import create_generator
from lpasrn_jax.models.ocr import create_ocr
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.reading.decode import Decoded
from lpasrn_jax.weights.bundle import Bundle
from lpasrn_jax.weights.load import load_weights

BATCH_SIZE = 32
LR_SIZE = (24, 72)  # of weights that do not say which size they were trained at
SPLITS = ("all", "train", "val")
CONFUSIONS = 10  # pairs that are named

Images = dict[str, Float[np.ndarray, "n h w 3"]]
Scores = dict[str, dict[str, Float[np.ndarray, " n"]]]  # scores[metric][kind of image], one value a frame
Read = dict[str, Decoded]  # by kind of image; nothing without an OCR


class Judged(NamedTuple):
    """What a judge finds out about every frame."""

    scores: Scores
    read: Read
    text: Int[np.ndarray, "n k"]  # what is written on the plates


class Judge:
    """The networks of a bundle in one compiled function: enlarge, compare and read a batch.

    Args:
      bundle: weights of a generator, an OCR, or both.
    """

    def __init__(self, bundle: Bundle):
        self._params = bundle.params
        self._model = bundle.config["model"]
        self._plate_format = PlateFormat.create(**bundle.config["plates"])
        self._judge = jax.jit(self._judge_batch)

    def frames(self, reader: pipeline.FramePairReader) -> Judged:
        """Every frame's scores and texts, in the reader's order. Frames follow each other: frame f of track t is t * 5 + f."""
        parts = []
        for batch in pipeline.eval_batches(reader, batch_size=BATCH_SIZE):
            _, scores, read = self._judge(self._params, batch["lr"], batch["hr"], batch["text"])
            found = Judged(*jax.device_get((scores, read)), batch["text"])
            parts.append(jax.tree.map(lambda values, real=batch["mask"]: values[real], found))
        return jax.tree.map(lambda *columns: np.concatenate(columns), *parts)

    def pictures(self, reader: pipeline.FramePairReader, indices: Sequence[int]) -> Images:
        """The images in [-1, 1] of at most `BATCH_SIZE` frames by kind: `lr`, `bicubic`, `sr` with a generator, `hr`.

        Made anew, since all frames' images together may be more than the memory holds.
        """
        padding = [indices[0]] * (BATCH_SIZE - len(indices))  # to the shape that is compiled already
        examples = [reader(int(index)) for index in (*indices, *padding)]
        lr, hr, text = (np.stack([example[name] for example in examples]) for name in ("lr", "hr", "text"))
        made, _, _ = self._judge(self._params, lr, hr, text)
        return {kind: np.asarray(image)[: len(indices)] for kind, image in made.items()}

    def _judge_batch(
        self,
        params: dict[str, Any],
        lr: UInt8[Array, "b h w 3"],
        hr: UInt8[Array, "b rh rw 3"],
        text: Int[Array, "b k"],
    ) -> tuple[dict[str, Array], dict[str, dict[str, Array]], dict[str, Decoded]]:
        lr, hr = images.to_float(lr), images.to_float(hr)
        if "generator" in params:
            made = metrics.judged_images(create_generator(self._model), params["generator"], lr)
        else:
            made = {"bicubic": images.bicubic_upscale(lr, self._model["scale"])}
        scores, read = metrics.image_scores(made, hr), {}
        if "ocr" in params:
            ocr = create_ocr(self._model["ocr"], self._plate_format, dtype=self._model["dtype"])
            read = metrics.read_images(ocr, params["ocr"], {**made, "hr": hr}, self._plate_format.layout_masks())
            scores |= metrics.text_scores(read, text)
        return {"lr": lr, **made, "hr": hr}, scores, read


def evaluate(checkpoint: str, data_root: str, out: str, *, split: str = "all", tfds_dir: str = "") -> dict:
    """Judge a checkpoint on the tracks below a folder; writes metrics.json, report.md and a picture into `out`.

    With a generator, SR is judged beside bicubic; with an OCR, the text that it reads in these and in HR.

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
    if not bundle.params.keys() & {"generator", "ocr"}:
        raise UserError(f"--checkpoint={checkpoint}: holds {', '.join(bundle.params)}; give one with a generator or an ocr")
    judge = Judge(bundle)
    reader = _reader(bundle.config, data_root, split, tfds_dir)
    judged = judge.frames(reader)
    summary = {
        "checkpoint": str(checkpoint),
        "step": bundle.about.get("step"),
        "stages": _stages(bundle.config),
        "data_root": str(data_root),
        "split": split,
        "tracks": len(reader.source),
        "frames": pipeline.num_examples(reader),
        **_means(judged.scores),
    }
    if judged.read:
        read = judged.read["sr" if "sr" in judged.read else "hr"]
        summary["confusions"] = confusions(judged.text, read.classes, reader.plate_format.alphabet)
    rows = report.rows_to_show(judged.scores)
    decode = reader.plate_format.decode
    texts = {kind: [decode(classes) for classes in decoded.classes[rows]] for kind, decoded in judged.read.items()}
    truth = [decode(classes) for classes in judged.text[rows]]
    folder = pathlib.Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text(json.dumps(summary, indent=2) + "\n")
        report.write_report(folder, summary, judge.pictures(reader, rows), texts, truth)
    except OSError as error:
        raise UserError(f"--out={out}: cannot be written ({error.strerror}); choose a folder that can") from error
    return summary


def confusions(text: Int[np.ndarray, "n k"], read: Int[np.ndarray, "n k"], alphabet: str) -> list[list]:
    """The most frequent misreadings, as [true character, character read, times]; equals in the alphabet's order."""
    counts = np.zeros((len(alphabet), len(alphabet)), int)
    np.add.at(counts, (text, read), 1)
    np.fill_diagonal(counts, 0)
    most = np.argsort(-counts, axis=None, kind="stable")[:CONFUSIONS]
    pairs = zip(*np.unravel_index(most, counts.shape), strict=True)
    return [[alphabet[true], alphabet[seen], int(counts[true, seen])] for true, seen in pairs if counts[true, seen]]


def _means(scores: Scores) -> dict[str, dict[str, float]]:
    """The means over frames, in the order in which a person reads them: a compiled function sorts its dicts by name."""
    return {
        metric: {kind: float(scores[metric][kind].mean(dtype=np.float64)) for kind in report.TITLES if kind in scores[metric]}
        for metric in report.METRICS
        if metric in scores
    }


def _stages(config: Mapping[str, Any]) -> list[str]:
    """The names of the stages that led to a checkpoint, its own last; none for weights from elsewhere."""
    own = [config["stage"]["name"]] if "stage" in config else []
    return list(config.get("lineage", own))


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
