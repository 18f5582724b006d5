"""Training and validation batches of this process, from a config, and their transfer to the devices."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Sequence

import grain
import jax
import ml_collections
import numpy as np

from lpasrn_jax import runtime
from lpasrn_jax.data import lp_tracks, pipeline
from lpasrn_jax.data.lp_tracks import PreparedTracks, Record
from lpasrn_jax.errors import UserError
from lpasrn_jax.losses import ctc_loss
from lpasrn_jax.models import PlateModel, ocr

PREPARED = "prepared"  # folder for prepared sets in a run's workdir


def prepare_tracks(model: PlateModel, config: ml_collections.ConfigDict, workdir: pathlib.Path) -> PreparedTracks:
    """Prepare the config's tracks and check them against the stage's settings.

    They are prepared in `data.tfds_dir` or, if that is empty, in the run's folder, for all of its stages.

    Raises:
      UserError: for data that can't be used, a batch that can't be spread over the devices, a split without enough examples, and
        images too narrow for the CTC loss.
    """
    tracks = lp_tracks.prepare(
        config.data.root,
        model.plate_format,
        tfds_dir=config.data.tfds_dir or workdir / PREPARED,
        val_split=config.data.val_split,
        val_root=config.data.val_root,
        val_list=config.data.val_list,
        strict=config.data.strict,
    )
    batch_size, devices = config.train.batch_size, jax.device_count()
    if batch_size < 1 or batch_size % devices:
        raise UserError(f"train.batch_size: {batch_size} can't be spread over {devices} devices; take a multiple of {devices}")
    examples = num_training_examples(tracks)
    if examples < batch_size:
        raise UserError(f"train.batch_size: {batch_size} is more than the {examples} training examples; take less, or add tracks")
    if not len(tracks.val):
        raise UserError(f"data.val_split: {config.data.val_split} leaves no plate for validation; raise it, or add tracks")
    if "ctc" in config.stage.loss_components:
        _check_width(model)
    return tracks


def _check_width(model: PlateModel) -> None:
    _, width = model.hr_size
    steps, needed = math.ceil(width / ocr.PIXELS_PER_STEP), ctc_loss.steps_needed(model.plate_format)
    if steps < needed:
        raise UserError(
            f"data.lr_size: {width} pixels of HR width make {steps} CTC steps, and a text may need {needed}; widen it, or leave "
            "ctc out of stage.loss_components"
        )


def num_training_examples(tracks: PreparedTracks) -> int:
    """Frame pairs in the training split."""
    return len(tracks.train) * pipeline.FRAMES


def steps_per_epoch(tracks: PreparedTracks, config: ml_collections.ConfigDict) -> int:
    """Whole batches in the training split."""
    return num_training_examples(tracks) // config.train.batch_size


def training_batches(
    tracks: PreparedTracks,
    model: PlateModel,
    config: ml_collections.ConfigDict,
    probabilities: pipeline.Probabilities | None = None,
    period: int = 0,
) -> grain.DatasetIterator:
    """Endless batches, shuffled or sampled by `probabilities`. The iterator's state can be saved, and holds neither argument.

    Each period has its own random order. Close an iterator before replacing it: its workers run until then.
    """
    seed = config.seed if period == 0 else int(np.random.SeedSequence((config.seed, period)).generate_state(1)[0])
    reader = _reader(tracks.train, tracks, model, config, with_other_frame="contrastive" in config.stage.loss_components)
    workers = config.data.num_workers
    return pipeline.train_batches(reader, seed=seed, probabilities=probabilities, num_workers=workers, **_share(config))


def validation_batches(tracks: PreparedTracks, model: PlateModel, config: ml_collections.ConfigDict) -> grain.DatasetIterator:
    """Each validation example once, decoded in this process; the last batch is filled up with examples whose `mask` is False."""
    return pipeline.eval_batches(_reader(tracks.val, tracks, model, config), **_share(config))


def on_devices(batch: dict[str, np.ndarray], mesh: jax.sharding.Mesh) -> dict[str, jax.Array]:
    """This process's part of a batch as arrays of the whole job, spread over its devices."""
    return {name: jax.make_array_from_process_local_data(runtime.batch_sharding(mesh), values) for name, values in batch.items()}


def _reader(
    source: Sequence[Record],
    tracks: PreparedTracks,
    model: PlateModel,
    config: ml_collections.ConfigDict,
    *,
    with_other_frame: bool = False,
) -> pipeline.FramePairReader:
    return pipeline.FramePairReader(
        source=source,
        plate_format=model.plate_format,
        scenarios=tracks.scenarios,
        lr_size=model.lr_size,
        hr_size=model.hr_size,
        crop_margins=tuple(config.data.crop_margins),
        with_track="fusion" in config.stage.networks,
        with_other_frame=with_other_frame,
    )


def _share(config: ml_collections.ConfigDict) -> dict[str, int]:
    return {
        "batch_size": config.train.batch_size // jax.process_count(),
        "shard_index": jax.process_index(),
        "shard_count": jax.process_count(),
    }
