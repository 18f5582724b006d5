"""Batches of frame pairs, made by Grain from prepared tracks.

One example is one frame pair: frame f of track t, LR and HR, is the example with index t * 5 + f. The pipeline is

    order of indices -> this process's share -> decode and rectify -> batch -> worker processes

and every step of it is a function of the position alone. So the n-th batch depends on seed and n and not on the number of
workers, and the iterator's state is a position: set it and the same batches follow.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import grain
import numpy as np
from absl import flags
from jaxtyping import Float, UInt8

from lpasrn_jax.data import frames
from lpasrn_jax.data.lp_tracks import Record
from lpasrn_jax.data.tracks import FRAMES
from lpasrn_jax.plates import PlateFormat

Example = dict[str, np.ndarray]
PADDING = -1  # the index of an example that only fills up a batch

# A read decodes a whole batch: a few in flight keep the device fed, and 500 (Grain's default) would fill the memory.
READ_OPTIONS = grain.ReadOptions(num_threads=2, prefetch_buffer_size=4)


@dataclasses.dataclass(frozen=True)
class FramePairReader:
    """Maps an example's index to the example.

    Attributes:
      source: records of tracks, one a track.
      plate_format: encodes text and layout.
      scenarios: names of scenarios; an example's `scenario` is its place in them.
      lr_size: height and width of `lr`.
      hr_size: height and width of `hr`.
    """

    source: Sequence[Record]
    plate_format: PlateFormat
    scenarios: tuple[str, ...]
    lr_size: tuple[int, int]
    hr_size: tuple[int, int]

    def __call__(self, index: int) -> Example:
        """lr uint8 [h, w, 3], hr uint8 [rh, rw, 3], text int32 [k], layout, scenario and index int32, mask bool.

        `PADDING` gives the first example with a mask that is False.
        """
        track, frame = divmod(max(index, 0), FRAMES)
        record = self.source[track]
        return {
            "lr": _plate(record["lr"][frame], record["lr_corners"][frame], self.lr_size),
            "hr": _plate(record["hr"][frame], record["hr_corners"][frame], self.hr_size),
            "text": self.plate_format.encode(record["text"].decode()),
            "layout": np.int32(self.plate_format.layout_index(record["layout"].decode())),
            "scenario": np.int32(self.scenarios.index(record["scenario"].decode())),
            "index": np.int32(index),
            "mask": np.bool_(index != PADDING),
        }


def train_batches(
    reader: FramePairReader,
    *,
    batch_size: int,
    seed: int,
    num_workers: int = 0,
    shard_index: int = 0,
    shard_count: int = 1,
) -> grain.DatasetIterator:
    """Batches without end, in an order that is new in each epoch.

    Epochs follow each other without a gap: over all shards together, each run of `num_examples(reader)` examples from a multiple
    of it on has every example once, and a batch may hold the end of one epoch and the start of the next.

    Args:
      reader: makes the examples.
      batch_size: examples a batch in this process.
      seed: of the order, in [0, 2**32).
      num_workers: processes that decode; with 0, threads of this process do. The same batches come whatever the number, but
        a saved state can only be set on an iterator with as many workers.
      shard_index: which share of the examples this process reads.
      shard_count: the number of shares.
    """
    order = shuffled_order(num_examples(reader), seed)[shard_index::shard_count]
    return _iterate(order, reader, batch_size, num_workers)


def eval_batches(
    reader: FramePairReader,
    *,
    batch_size: int,
    num_workers: int = 0,
    shard_index: int = 0,
    shard_count: int = 1,
) -> grain.DatasetIterator:
    """Batches of every example once, in order.

    Every batch is full and every shard has as many as the others: what is missing at the end is filled up with examples whose
    `mask` is False and whose index is `PADDING`. Arguments as for `train_batches`.
    """
    order = padded_order(num_examples(reader), batch_size * shard_count)[shard_index::shard_count]
    return _iterate(order, reader, batch_size, num_workers)


def num_examples(reader: FramePairReader) -> int:
    """The number of frame pairs that a reader reads."""
    return len(reader.source) * FRAMES


def shuffled_order(count: int, seed: int) -> grain.MapDataset[int]:
    """Indices for training, without end: all of them, then all of them in another order, and so on."""
    return grain.MapDataset.range(count).shuffle(seed).repeat()


def padded_order(count: int, multiple: int) -> grain.MapDataset[int]:
    """Each index once, then `PADDING` up to a multiple."""
    return grain.MapDataset.source(np.concatenate([np.arange(count), np.full(-count % multiple, PADDING)]))


def _iterate(order: grain.MapDataset[int], reader: FramePairReader, batch_size: int, num_workers: int) -> grain.DatasetIterator:
    batches = order.map(reader).batch(batch_size).to_iter_dataset(READ_OPTIONS)
    if num_workers:
        if not flags.FLAGS.is_parsed():  # Grain asks an absl flag of its own when it starts a worker: a notebook has parsed none
            flags.FLAGS.mark_as_parsed()
        batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=num_workers, per_worker_buffer_size=2))
    return iter(batches)


def _plate(encoded: bytes, corners: Float[np.ndarray, "4 2"], size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    return frames.frame_array(frames.decode_image(encoded), None if math.isnan(corners[0, 0]) else corners, size)
