"""Batches of frame pairs, made by Grain from prepared tracks.

One example is one frame pair: frame f of track t, LR and HR, is the example with index t * 5 + f. The pipeline is

    order of indices -> decode and rectify -> this process's share -> batch -> worker processes

and each of its steps is a function of the position alone. So the n-th batch of the whole job depends on the seed, n and the
probabilities, if any, but not on the number of processes and workers, and the iterator's state is a position: restore it and the
same batches follow.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from collections.abc import Sequence

import grain
import numpy as np
from absl import flags
from jaxtyping import Float, UInt8

from lpasrn_jax import frames
from lpasrn_jax.data.lp_tracks import Record
from lpasrn_jax.data.tracks import FRAMES
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.registration import register

Example = dict[str, np.ndarray]
Probabilities = Float[np.ndarray, " n"]
MARGIN_JITTER = 0.1  # largest difference of a frame's margins from the reference's, as a fraction of their range
PADDING = -1  # the index of an example that only fills up a batch

# A read decodes a whole batch: a few in flight keep the device busy, and 500 (Grain's default) would fill the memory.
READ_OPTIONS = grain.ReadOptions(num_threads=2, prefetch_buffer_size=4)
# Shared memory of a worker outlives it: what was not taken when training ended stays in /dev/shm, and so in RAM.
THROUGH_PIPES = grain.experimental.DatasetOptions(min_shm_size=sys.maxsize)


@dataclasses.dataclass(frozen=True)
class FramePairReader:
    """Maps an example's index to the example.

    Attributes:
      source: records of tracks, one per track.
      plate_format: encodes text and layout.
      scenarios: names of scenarios; an example's `scenario` is an index into them.
      lr_size: height and width of `lr`.
      hr_size: height and width of `hr`.
      crop_margins: range of the margins left around plates whose corners are known, as fractions of their width and height,
        different at each side and the same for LR and HR of a pair. People and detectors crop plates with such margins.
      with_track: an example has `track` too: all LR frames of its track, its own first, registered to it.
      with_other_frame: an example has `other_hr` too, so that two images of one plate can be compared.
    """

    source: Sequence[Record]
    plate_format: PlateFormat
    scenarios: tuple[str, ...]
    lr_size: tuple[int, int]
    hr_size: tuple[int, int]
    crop_margins: tuple[float, float] = (0.0, 0.0)
    with_track: bool = False
    with_other_frame: bool = False

    def __call__(self, index: int, rng: np.random.Generator | None = None) -> Example:
        """lr uint8 [h, w, 3], hr uint8 [rh, rw, 3], text int32 [k], layout, scenario and index int32, mask bool.

        With `with_track` also track uint8 [5, h, w, 3], whose first frame is lr.
        With `with_other_frame` also other_hr uint8 [rh, rw, 3], of the track's next frame, the first after the last.
        `PADDING` gives the first example with a mask that is False. The margins come from `rng`; without one they are a
        function of the index.
        """
        rng = rng or np.random.default_rng(max(index, 0))
        track, frame = divmod(max(index, 0), FRAMES)
        record = self.source[track]
        margins = rng.uniform(*self.crop_margins, 4)
        example = {
            "lr": _plate(record["lr"][frame], record["lr_corners"][frame], margins, self.lr_size),
            "hr": _plate(record["hr"][frame], record["hr_corners"][frame], margins, self.hr_size),
            "text": self.plate_format.encode(record["text"].decode()),
            "layout": np.int32(self.plate_format.layout_index(record["layout"].decode())),
            "scenario": np.int32(self.scenarios.index(record["scenario"].decode())),
            "index": np.int32(index),
            "mask": np.bool_(index != PADDING),
        }
        if self.with_track:
            rest = ((frame + i) % FRAMES for i in range(1, FRAMES))
            others = [_plate(record["lr"][i], record["lr_corners"][i], margins + self._jitter(rng), self.lr_size) for i in rest]
            example["track"] = register(np.stack([example["lr"], *others]))
        if self.with_other_frame:
            other = (frame + 1) % FRAMES
            example["other_hr"] = _plate(record["hr"][other], record["hr_corners"][other], margins, self.hr_size)
        return example

    def _jitter(self, rng: np.random.Generator) -> Float[np.ndarray, " 4"]:
        """Random differences of a frame's margins, as fractions of the plate; 0 if crops are exact."""
        low, high = self.crop_margins
        return rng.uniform(-1, 1, 4) * MARGIN_JITTER * (high - low)


def train_batches(
    reader: FramePairReader,
    *,
    batch_size: int,
    seed: int,
    probabilities: Probabilities | None = None,
    num_workers: int = 0,
    shard_index: int = 0,
    shard_count: int = 1,
) -> grain.DatasetIterator:
    """Endless batches, reshuffled in each epoch or, with probabilities, sampled by them with replacement.

    Shuffled epochs follow each other without a gap: over all shards together, every `num_examples(reader)` consecutive examples
    that start at a multiple of it have every example once, and a batch may span the end of one epoch and the start of the next.

    Args:
      reader: makes the examples.
      batch_size: examples per batch in this process.
      seed: of the order and the margins, in [0, 2**32).
      probabilities: sampling probability of each example; the same in all shards. None shuffles.
      num_workers: number of processes that decode; with 0, threads of this process do. The batches do not depend on it, but a
        saved state can only be restored into an iterator with as many workers, and continues the same only with the same order.
        Workers run until the iterator is closed: `close()` it before replacing it.
      shard_index: which part of each batch of the whole job this process reads; all parts in turn are the batch that one
        process would have read.
      shard_count: the number of parts.

    Raises:
      ValueError: for probabilities that are not one per example or not a distribution.
    """
    count = num_examples(reader)
    if probabilities is None:
        order = shuffled_order(count, seed)
    elif probabilities.shape == (count,):
        order = weighted_order(probabilities, seed)
    else:
        raise ValueError(f"probabilities: shape {probabilities.shape} found; expected ({count},), one per example")
    examples = order.random_map(reader, seed=seed)
    return _iterate(_PartOfBatches(examples, shard_index, batch_size, shard_count), batch_size, num_workers)


def eval_batches(
    reader: FramePairReader,
    *,
    batch_size: int,
    num_workers: int = 0,
    shard_index: int = 0,
    shard_count: int = 1,
) -> grain.DatasetIterator:
    """Batches of every example once, in order.

    Every batch is full and every shard has the same number of batches: the end is padded with examples whose `mask` is False and
    whose index is `PADDING`. Arguments as for `train_batches`.
    """
    examples = padded_order(num_examples(reader), batch_size * shard_count).map(reader)
    return _iterate(_PartOfBatches(examples, shard_index, batch_size, shard_count), batch_size, num_workers)


def num_examples(reader: FramePairReader) -> int:
    """The number of frame pairs of a reader."""
    return len(reader.source) * FRAMES


def shuffled_order(count: int, seed: int) -> grain.MapDataset[int]:
    """Endless indices for training: all of them, then all of them in another order, and so on."""
    return grain.MapDataset.range(count).shuffle(seed).repeat()


def weighted_order(probabilities: Probabilities, seed: int) -> grain.MapDataset[int]:
    """Endless indices for training, sampled independently by their probabilities.

    The n-th index is a function of the probabilities, the seed and n.

    Raises:
      ValueError: for a negative probability, or a sum other than 1.
    """
    if not (np.all(probabilities >= 0.0) and np.isclose(np.sum(probabilities), 1.0)):
        raise ValueError(
            f"probabilities: least {np.min(probabilities)}, sum {np.sum(probabilities)} found; expected none negative, sum 1"
        )
    cumulative = np.cumsum(probabilities, dtype=np.float64)
    # Rounding may leave the sum below 1: divided by it, no sample from [0, 1) lies beyond the last example.
    draw = functools.partial(_draw, cumulative / cumulative[-1])
    return grain.MapDataset.range(len(probabilities)).repeat().random_map(draw, seed=seed)


def padded_order(count: int, multiple: int) -> grain.MapDataset[int]:
    """Each index once, then `PADDING` up to a multiple."""
    return grain.MapDataset.source(np.concatenate([np.arange(count), np.full(-count % multiple, PADDING)]))


class _PartOfBatches(grain.MapDataset[Example]):
    """Of every batch of the whole job, the examples of one process."""

    def __init__(self, examples: grain.MapDataset[Example], shard_index: int, batch_size: int, shard_count: int):
        super().__init__(examples)
        self._shard_index, self._batch_size, self._shard_count = shard_index, batch_size, shard_count

    def __len__(self) -> int:
        return len(self._parent) // self._shard_count

    def __getitem__(self, index: int) -> Example:
        batch, position = divmod(index, self._batch_size)
        return self._parent[(batch * self._shard_count + self._shard_index) * self._batch_size + position]


def _iterate(examples: grain.MapDataset[Example], batch_size: int, num_workers: int) -> grain.DatasetIterator:
    batches = examples.batch(batch_size).to_iter_dataset(READ_OPTIONS)
    if num_workers:
        if not flags.FLAGS.is_parsed():  # Grain reads an absl flag when it starts a worker; a notebook has not parsed any
            flags.FLAGS.mark_as_parsed()
        batches = grain.experimental.WithOptionsIterDataset(batches, THROUGH_PIPES)
        batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=num_workers, per_worker_buffer_size=2))
    return iter(batches)


def _draw(cumulative: Float[np.ndarray, " n"], _: int, rng: np.random.Generator) -> int:
    return int(np.searchsorted(cumulative, rng.random(), side="right"))  # "right": an example of probability 0 is never sampled


def _plate(
    encoded: bytes, corners: Float[np.ndarray, "4 2"], margins: Float[np.ndarray, " 4"], size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    crop = None if math.isnan(corners[0, 0]) else frames.widen_corners(corners, margins)
    return frames.frame_array(frames.decode_image(encoded), crop, size)
