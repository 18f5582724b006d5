"""Batches for this process of the job, as a config asks for them, and their way onto the devices."""

from __future__ import annotations

from collections.abc import Sequence

import grain
import jax
import ml_collections
import numpy as np

from lpasrn_jax import runtime
from lpasrn_jax.data import pipeline
from lpasrn_jax.data.lp_tracks import PreparedTracks, Record
from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import PlateFormat


def check_batch_size(config: ml_collections.ConfigDict, tracks: PreparedTracks) -> None:
    """Raise UserError for a batch that can't be spread over the devices, or a split without enough examples."""
    batch_size, devices = config.train.batch_size, jax.device_count()
    if batch_size < 1 or batch_size % devices:
        raise UserError(f"train.batch_size: {batch_size} can't be spread over {devices} devices; take a multiple of {devices}")
    examples = len(tracks.train) * pipeline.FRAMES
    if examples < batch_size:
        raise UserError(f"train.batch_size: {batch_size} is more than the {examples} training examples; take less, or add tracks")
    if not len(tracks.val):
        raise UserError(f"data.val_split: {config.data.val_split} leaves no plate for validation; raise it, or add tracks")


def steps_per_epoch(tracks: PreparedTracks, config: ml_collections.ConfigDict) -> int:
    """Whole batches in the training split."""
    return len(tracks.train) * pipeline.FRAMES // config.train.batch_size


def training_batches(tracks: PreparedTracks, config: ml_collections.ConfigDict) -> grain.DatasetIterator:
    """Shuffled batches without end; the iterator's state can be saved."""
    reader = _reader(tracks.train, tracks, config)
    return pipeline.train_batches(reader, seed=config.seed, num_workers=config.data.num_workers, **_share(config))


def validation_batches(tracks: PreparedTracks, config: ml_collections.ConfigDict) -> grain.DatasetIterator:
    """Each validation example once, decoded in this process; the last batch is filled up with examples whose `mask` is False."""
    return pipeline.eval_batches(_reader(tracks.val, tracks, config), **_share(config))


def on_devices(batch: dict[str, np.ndarray], mesh: jax.sharding.Mesh) -> dict[str, jax.Array]:
    """This process's part of a batch as arrays of the whole job, spread over its devices."""
    return {name: jax.make_array_from_process_local_data(runtime.batch_sharding(mesh), values) for name, values in batch.items()}


def _reader(source: Sequence[Record], tracks: PreparedTracks, config: ml_collections.ConfigDict) -> pipeline.FramePairReader:
    height, width = config.data.lr_size
    return pipeline.FramePairReader(
        source=source,
        plate_format=PlateFormat.create(config.plates.alphabet, config.plates.layouts),
        scenarios=tracks.scenarios,
        lr_size=(height, width),
        hr_size=(height * config.model.scale, width * config.model.scale),
    )


def _share(config: ml_collections.ConfigDict) -> dict[str, int]:
    return {
        "batch_size": config.train.batch_size // jax.process_count(),
        "shard_index": jax.process_index(),
        "shard_count": jax.process_count(),
    }
