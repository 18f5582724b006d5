"""Validation by readers that nobody here trained: whether others than the generator's own OCR can read its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import UInt8

from lpasrn_jax.data import pipeline
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import strangers
from lpasrn_jax.evaluation.strangers import Stranger
from lpasrn_jax.plates import PlateFormat

COUNT = "count"


def open_strangers(names: Sequence[str]) -> dict[str, Stranger]:
    """The readers of `train.strangers`.

    Raises:
      UserError: for a reader that is unknown or can't be used on this machine.
    """
    unknown = [name for name in names if name not in strangers.STRANGERS]
    if unknown:
        raise UserError(f"train.strangers: {unknown[0]!r} found; expected some of {', '.join(strangers.STRANGERS)}")
    opened, left_out = strangers.open_strangers(names)
    for name, reason in left_out.items():
        raise UserError(f"train.strangers: {name} can't be used here ({reason}); install the extra `strangers`, or leave it out")
    return opened


def sums_of_batch(
    opened: Mapping[str, Stranger],
    batch: Mapping[str, np.ndarray],
    made: Mapping[str, UInt8[np.ndarray, "b h w 3"]],
    plate_format: PlateFormat,
    main_kind: str,
) -> dict[str, float]:
    """Sums of the accuracies over the first frames of tracks in a batch, and their `COUNT`.

    Args:
      opened: the readers by name.
      batch: this process's part: `text`, `layout`, `index` and `mask`.
      made: the enlarged images of this part by kind.
      plate_format: of the plates.
      main_kind: the kind of image that the stage is evaluated by.

    Returns:
      `rapidocr_word_acc` for the main kind and `rapidocr_word_acc/bicubic` for another; and so on.
    """
    rows = np.flatnonzero(batch["mask"] & (batch["index"] % pipeline.FRAMES == 0))
    truth = [plate_format.decode(text) for text in batch["text"][rows]]
    patterns = [plate_format.layouts[layout][1] for layout in batch["layout"][rows]]
    sums = {COUNT: float(len(rows))}
    for name, stranger in opened.items():
        texts = {
            kind: [strangers.read_plate(stranger, image, plate_format.alphabet) for image in images[rows]]
            for kind, images in made.items()
        }
        for metric, by_kind in strangers.scores(texts, truth, patterns).items():
            for kind, values in by_kind.items():
                suffix = "" if kind == main_kind else f"/{kind}"
                sums[f"{name.lower()}_{metric}{suffix}"] = float(np.sum(values))
    return sums


def mean_scores(sums: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The means over all batches of all processes of the job."""
    totals = jax.tree.map(lambda *values: np.float32(sum(values)), *sums)
    totals = {name: float(np.sum(parts)) for name, parts in multihost_utils.process_allgather(totals).items()}
    count = totals.pop(COUNT)
    return {name: total / count for name, total in totals.items()}
