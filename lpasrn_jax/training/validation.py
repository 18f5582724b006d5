"""Validation: metrics of the model on plates that are never trained on."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import ml_collections
import numpy as np
from jaxtyping import Array, UInt8

from lpasrn_jax import images, runtime, witnesses
from lpasrn_jax.data import pipeline
from lpasrn_jax.data.lp_tracks import PreparedTracks
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import confidence
from lpasrn_jax.evaluation.metrics import IMAGE_METRICS
from lpasrn_jax.models import PlateModel
from lpasrn_jax.pictures import confusion_picture, image_grid
from lpasrn_jax.training import batches, steps, strangers
from lpasrn_jax.training.state import Params

PICTURES = 8  # rows of the picture grid
TITLES = {"lr": "LR", "bicubic": "bicubic", "sr": "SR", "fused": "fused", "hr": "HR"}


class ValidationResult(NamedTuple):
    """scores: means over the validation examples, by name. pictures: by name, for a person to look at."""

    scores: dict[str, float]
    pictures: dict[str, UInt8[np.ndarray, "h w 3"]]


class Validation:
    """Call it with the parameters of all networks for a `ValidationResult`."""

    def __init__(self, model: PlateModel, tracks: PreparedTracks, config: ml_collections.ConfigDict, mesh: jax.sharding.Mesh):
        self._model = model
        self._tracks = tracks
        self._config = config
        self._mesh = mesh
        self._plate_format = model.plate_format
        self._main_kind = main_kind_of(config.stage)
        self._strangers = strangers.open_strangers(config.train.strangers)
        image_metrics = _image_metrics(config.train.image_metrics)
        step = functools.partial(steps.validation_step, model=model, main_kind=self._main_kind, image_metrics=image_metrics)
        everywhere, spread = runtime.replicated(mesh), runtime.batch_sharding(mesh)
        self._step = jax.jit(step, out_shardings=(everywhere, spread, spread, everywhere))

    def __call__(self, params: dict[str, Params]) -> ValidationResult:
        totals, grid, ocr_outputs, by_strangers = None, None, [], []
        for batch in batches.validation_batches(self._tracks, self._model, self._config):
            sums, made, read, ocr_outputs_of_batch = self._step(params, batches.on_devices(batch, self._mesh))
            ocr_outputs.append(jax.device_get(ocr_outputs_of_batch))
            totals = sums if totals is None else jax.tree.map(np.add, totals, sums)
            grid = self._grid(batch, made, read) if grid is None else grid
            if self._strangers:
                by_strangers.append(self._sums_by_strangers(batch, made))
        totals = jax.device_get(totals)
        count = totals.pop("count")
        pictures = {"pictures": grid}
        if "confusions" in totals:
            pictures["confusions"] = confusion_picture(totals.pop("confusions"), self._plate_format.labels)
        scores = {name: float(total / count) for name, total in totals.items()}
        scores |= strangers.mean_scores(by_strangers) if self._strangers else {}
        return ValidationResult(scores | self._calibration(ocr_outputs), pictures)

    def _sums_by_strangers(self, batch: dict[str, np.ndarray], made: dict[str, Array]) -> dict[str, float]:
        shown = {kind: images.to_uint8(_local(image)) for kind, image in made.items()}
        return strangers.sums_of_batch(self._strangers, batch, shown, self._plate_format, self._main_kind)

    def _calibration(self, ocr_outputs: list[dict[str, np.ndarray]]) -> dict[str, float]:
        """The calibration fitted to the log-probabilities of all examples; empty without an OCR.

        `calibrated` is 1 with a calibration and 0 if the fit failed.
        """
        if not ocr_outputs[0]:
            return {}
        outputs = jax.tree.map(lambda *parts: np.concatenate(parts), *ocr_outputs)
        order = np.argsort(outputs["index"])[np.count_nonzero(outputs["index"] == pipeline.PADDING) :]
        slots = {kind: log_probs[order] for kind, log_probs in outputs["slots"].items()}
        frames, tracks = witnesses.frame_log_probs(slots), witnesses.track_log_probs(slots, pipeline.FRAMES)
        calibration = confidence.fit_calibration(frames, tracks, outputs["text"][order], self._plate_format.layout_masks())
        return {"calibrated": 0.0} if calibration is None else {"calibrated": 1.0, **calibration._asdict()}

    def _grid(self, batch: dict[str, np.ndarray], made: dict[str, Array], read: dict[str, Array]) -> UInt8[np.ndarray, "h w 3"]:
        """LR | bicubic | SR | HR of the first examples of this process, with the texts read."""
        shown = {name: np.asarray(images.to_float(batch[name][:PICTURES])) for name in ("lr", "hr")}
        shown |= {kind: _local(image)[:PICTURES] for kind, image in made.items()}
        texts = {kind: [self._plate_format.decode(text) for text in _local(classes)[:PICTURES]] for kind, classes in read.items()}
        return image_grid(
            {title: shown[kind] for kind, title in TITLES.items() if kind in shown},
            captions={TITLES[kind]: lines for kind, lines in texts.items()},
            truth=[self._plate_format.decode(text) for text in batch["text"][:PICTURES]],
        )


def main_kind_of(stage: ml_collections.ConfigDict) -> str:
    """The kind of image that a stage is evaluated by: the generator's, or the first kind that its OCR is trained to read."""
    if "fusion" in stage.networks:
        return "fused"
    return "sr" if "generator" in stage.networks else next(iter(stage.reads), "hr")


def _image_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """The names in `train.image_metrics`, checked against `IMAGE_METRICS`."""
    unknown = [name for name in names if name not in IMAGE_METRICS]
    if unknown:
        raise UserError(f"train.image_metrics: {unknown[0]!r} found; expected some of {', '.join(IMAGE_METRICS)}")
    return tuple(names)


def _local(array: Array) -> np.ndarray:
    """The part of an array, spread along its first axis, that this process holds."""
    return np.concatenate([shard.data for shard in array.addressable_shards])
