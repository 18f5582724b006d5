"""Validation: the generator's moving average, judged on plates that are never trained on."""

from __future__ import annotations

import functools

import jax
import ml_collections
import numpy as np
from jaxtyping import UInt8

from lpasrn_jax import images, runtime
from lpasrn_jax.data.lp_tracks import PreparedTracks
from lpasrn_jax.evaluation.pictures import image_grid
from lpasrn_jax.models.generator import Generator
from lpasrn_jax.training import batches, steps
from lpasrn_jax.training.state import Params

PICTURES = 8  # rows of the picture grid


class Validation:
    """Call it with the generator's parameters for the mean scores and a picture grid LR | bicubic | SR | HR."""

    def __init__(self, generator: Generator, tracks: PreparedTracks, config: ml_collections.ConfigDict, mesh: jax.sharding.Mesh):
        self._tracks = tracks
        self._config = config
        self._mesh = mesh
        self._step = jax.jit(
            functools.partial(steps.validation_step, generator=generator),
            out_shardings=(runtime.replicated(mesh), runtime.batch_sharding(mesh)),
        )

    def __call__(self, params: Params) -> tuple[dict[str, float], UInt8[np.ndarray, "h w 3"]]:
        totals, pictures = None, None
        for batch in batches.validation_batches(self._tracks, self._config):
            sums, made = self._step(params, batches.on_devices(batch, self._mesh))
            totals = sums if totals is None else jax.tree.map(np.add, totals, sums)
            pictures = _pictures(batch, made) if pictures is None else pictures
        totals = jax.device_get(totals)
        count = totals.pop("count")
        return {name: float(total / count) for name, total in totals.items()}, pictures


def _pictures(batch, made) -> UInt8[np.ndarray, "h w 3"]:
    """The grid of the examples of a batch that this process holds."""
    lr, hr = (np.asarray(images.to_float(batch[name])) for name in ("lr", "hr"))
    local = {name: np.concatenate([shard.data for shard in image.addressable_shards]) for name, image in made.items()}
    columns = {"LR": lr, "bicubic": local["bicubic"], "SR": local["sr"], "HR": hr}
    return image_grid({title: column[:PICTURES] for title, column in columns.items()})
