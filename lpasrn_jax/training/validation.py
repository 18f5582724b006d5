"""Validation: the model, judged on plates that are never trained on."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import ml_collections
import numpy as np
from jaxtyping import Array, UInt8

from lpasrn_jax import images, runtime
from lpasrn_jax.data import pipeline
from lpasrn_jax.data.lp_tracks import PreparedTracks
from lpasrn_jax.evaluation import confidence
from lpasrn_jax.models import PlateModel
from lpasrn_jax.pictures import confusion_picture, image_grid
from lpasrn_jax.training import batches, steps
from lpasrn_jax.training.state import Params

PICTURES = 8  # rows of the picture grid
TITLES = {"lr": "LR", "bicubic": "bicubic", "sr": "SR", "fused": "fused", "hr": "HR"}


class Judgement(NamedTuple):
    """scores: mean over the validation examples by name. pictures: by name, for a person to look at."""

    scores: dict[str, float]
    pictures: dict[str, UInt8[np.ndarray, "h w 3"]]


class Validation:
    """Call it with the parameters of all networks for a `Judgement`."""

    def __init__(self, model: PlateModel, tracks: PreparedTracks, config: ml_collections.ConfigDict, mesh: jax.sharding.Mesh):
        self._model = model
        self._tracks = tracks
        self._config = config
        self._mesh = mesh
        self._plate_format = model.plate_format
        step = functools.partial(steps.validation_step, model=model, judged=judged_kind(config.stage))
        everywhere, spread = runtime.replicated(mesh), runtime.batch_sharding(mesh)
        self._step = jax.jit(step, out_shardings=(everywhere, spread, spread, everywhere))

    def __call__(self, params: dict[str, Params]) -> Judgement:
        totals, grid, said = None, None, []
        for batch in batches.validation_batches(self._tracks, self._model, self._config):
            sums, made, read, said_of_batch = self._step(params, batches.on_devices(batch, self._mesh))
            said.append(jax.device_get(said_of_batch))
            totals = sums if totals is None else jax.tree.map(np.add, totals, sums)
            grid = self._grid(batch, made, read) if grid is None else grid
        totals = jax.device_get(totals)
        count = totals.pop("count")
        pictures = {"pictures": grid}
        if "confusions" in totals:
            pictures["confusions"] = confusion_picture(totals.pop("confusions"), self._plate_format.alphabet)
        scores = {name: float(total / count) for name, total in totals.items()}
        return Judgement(scores | self._calibration(said), pictures)

    def _calibration(self, said: list[dict[str, np.ndarray]]) -> dict[str, float]:
        """What makes the confidence honest, from what the OCR said about every example; nothing without an OCR."""
        if not said[0]:
            return {}
        index, text, slots = (np.concatenate([one[name] for one in said]) for name in ("index", "text", "slots"))
        order = np.argsort(index)[np.count_nonzero(index == pipeline.PADDING) :]
        tracks = slots[order].reshape(-1, pipeline.FRAMES, *slots.shape[1:])
        return confidence.fit_calibration(tracks, text[order][:: pipeline.FRAMES], self._plate_format.layout_masks())._asdict()

    def _grid(self, batch: dict[str, np.ndarray], made: dict[str, Array], read: dict[str, Array]) -> UInt8[np.ndarray, "h w 3"]:
        """LR | bicubic | SR | HR of the first examples that this process holds, with the texts read."""
        shown = {name: np.asarray(images.to_float(batch[name][:PICTURES])) for name in ("lr", "hr")}
        shown |= {kind: _local(image)[:PICTURES] for kind, image in made.items()}
        texts = {kind: [self._plate_format.decode(text) for text in _local(classes)[:PICTURES]] for kind, classes in read.items()}
        return image_grid(
            {title: shown[kind] for kind, title in TITLES.items() if kind in shown},
            captions={TITLES[kind]: found for kind, found in texts.items()},
            truth=[self._plate_format.decode(text) for text in batch["text"][:PICTURES]],
        )


def judged_kind(stage: ml_collections.ConfigDict) -> str:
    """The kind of image that a stage is judged by: what its generator makes, or the image that its OCR is taught to read."""
    if "fusion" in stage.networks:
        return "fused"
    return "sr" if "generator" in stage.networks else next(iter(stage.reads), "hr")


def _local(array: Array) -> np.ndarray:
    """The part of an array, spread along its first axis, that this process holds."""
    return np.concatenate([shard.data for shard in array.addressable_shards])
