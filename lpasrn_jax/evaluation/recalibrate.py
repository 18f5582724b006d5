"""Refits the calibration of finished weights on any set of tracks."""

from __future__ import annotations

import dataclasses

from lpasrn_jax import witnesses
from lpasrn_jax.data.pipeline import FRAMES
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation.confidence import fit_calibration
from lpasrn_jax.evaluation.evaluate import tracks_reader
from lpasrn_jax.evaluation.evaluator import Evaluator
from lpasrn_jax.weights.bundle import Bundle

MARGINS = (0.0, 0.2)  # around plates whose corners are known, as people and detectors leave them


def recalibrated(bundle: Bundle, data_root: str, tfds_dir: str) -> Bundle:
    """The weights with a calibration fitted to the tracks below a folder.

    Args:
      bundle: with an OCR.
      data_root: tracks that nothing was trained on, from cameras as varied as those that the weights will be used with.
      tfds_dir: where the prepared set goes.

    Raises:
      UserError: for weights without an OCR, for data that can't be used, and if the fit fails: too few tracks, or all read
        right, or all wrong.
    """
    if "ocr" not in bundle.params:
        raise UserError(f"calibration: these weights have no ocr, only {', '.join(sorted(bundle.params))}")
    reader = dataclasses.replace(tracks_reader(bundle, data_root, "all", tfds_dir), crop_margins=MARGINS)
    results = Evaluator(bundle).frame_results(reader)
    slots = {kind: results.slots[kind] for kind in witnesses.kinds(results.slots, witnesses.AS_IT_IS)}
    looks = witnesses.frame_log_probs(slots), witnesses.track_log_probs(slots, FRAMES)
    calibration = fit_calibration(*looks, results.text, reader.plate_format.layout_masks())
    if calibration is None:
        raise UserError(f"calibration: none fits the readings of {data_root}; give more tracks, some of which are hard to read")
    about = {name: value for name, value in bundle.about.items() if name != "calibrated"}
    return dataclasses.replace(bundle, about={**about, **calibration._asdict()})
