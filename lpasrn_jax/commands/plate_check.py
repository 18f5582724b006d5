"""What tells plates from other images, fitted to the OCR of weights on synthetic plates and synthetic images of none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import jax
import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax import images
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation.plate_check import fit_plate_check
from lpasrn_jax.frames import decode_image, frame_array
from lpasrn_jax.models.plate_check import encoding_summary
from lpasrn_jax.models.plate_model import Params, PlateModel
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.synthetic.no_plates import draw_no_plate
from lpasrn_jax.synthetic.plan import plan_tracks
from lpasrn_jax.synthetic.tracks import render_track
from lpasrn_jax.weights.bundle import Bundle
from lpasrn_jax.wording import counted

SEED = 1907  # of no recipe's data
SCENARIOS = {"Scenario-A": 0.6, "Scenario-B": 0.4}
FRAMES = ("lr-001", "lr-004", "hr-002", "hr-005")  # of each track
OTHERS = 8  # images of no plate for each track
BATCH = 32

RGB = UInt8[np.ndarray, "h w 3"]


def with_plate_check(bundle: Bundle, tracks: int) -> Bundle:
    """The weights with a plate check that is fitted to their OCR.

    Args:
      bundle: with an OCR.
      tracks: number of synthetic tracks; there are four images of plates and eight of none for each.

    Raises:
      UserError: for weights without an OCR, and for fewer than 10 tracks.
    """
    if "ocr" not in bundle.params:
        raise UserError(f"plate check: these weights have no ocr, only {', '.join(sorted(bundle.params))}")
    if tracks < 10:
        raise UserError(f"plate check: {counted(tracks, 'track')} found; expected at least 10")
    model = bundle.model.portable()
    rng = np.random.default_rng(SEED)
    others = [draw_no_plate(model.plate_format, rng) for _ in range(OTHERS * tracks)]
    plates = [*_plates(model.plate_format, tracks)]
    check = fit_plate_check(*(_summaries(model, bundle.params, pictures) for pictures in (plates, others)))
    return dataclasses.replace(bundle, params={**bundle.params, "plate_check": check})


def _plates(plate_format: PlateFormat, tracks: int) -> Iterator[RGB]:
    """Frames of synthetic tracks."""
    for plan in plan_tracks(tracks, seed=SEED, scenarios=SCENARIOS, layouts=None, plate_format=plate_format):
        yield from (decode_image(content) for name, content in render_track(plan, SEED) if name.startswith(FRAMES))


def _summaries(model: PlateModel, params: Params, pictures: Sequence[RGB]) -> Float[np.ndarray, "n 2*d"]:
    """What the OCR makes of images."""
    see = jax.jit(lambda params, batch: encoding_summary(model.logits(params, images.to_float(batch)).encoding))
    fitted = np.stack([frame_array(picture, None, model.hr_size) for picture in pictures])
    filled = np.concatenate([fitted, np.repeat(fitted[:1], -len(fitted) % BATCH, axis=0)])
    batches = np.split(filled, range(BATCH, len(filled), BATCH))
    return np.concatenate([np.asarray(see(params, batch)) for batch in batches])[: len(fitted)]
