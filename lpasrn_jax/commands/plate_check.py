"""What tells plates from other images, fitted to the OCR of weights on synthetic plates and synthetic images of none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, UInt8

from lpasrn_jax import images
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation.plate_check import fit_plate_check
from lpasrn_jax.frames import decode_image, frame_array
from lpasrn_jax.models.plate_check import encoding_summary
from lpasrn_jax.models.plate_model import Params, PlateModel
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.reading.decode import decode_slots
from lpasrn_jax.synthetic.no_plates import draw_no_plate
from lpasrn_jax.synthetic.plan import plan_tracks
from lpasrn_jax.synthetic.tracks import render_track
from lpasrn_jax.weights.bundle import Bundle

SEED = 1907  # of no recipe's data
SCENARIOS = {"Scenario-A": 0.6, "Scenario-B": 0.4}
FRAMES = ("lr-001", "lr-004", "hr-002", "hr-005")  # of each track
OTHERS = 8  # images of no plate for each track
BATCH = 32
LEGIBLE = 5 / 7  # share of the characters that are read right in a legible plate

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
        raise UserError(f"plate check: {tracks} tracks found; expected at least 10")
    model = bundle.model.portable()
    plates, texts = zip(*_plates(model.plate_format, tracks), strict=True)
    rng = np.random.default_rng(SEED)
    others = [draw_no_plate(model.plate_format, rng) for _ in range(OTHERS * tracks)]
    of_plates, right = _encoded(model, bundle.params, plates, texts)
    of_others, _ = _encoded(
        model, bundle.params, others, [model.plate_format.decode([0] * model.plate_format.length)] * len(others)
    )
    check = fit_plate_check(of_plates, right.mean(axis=1) >= LEGIBLE, of_others)
    return dataclasses.replace(bundle, params={**bundle.params, "plate_check": check})


def _plates(plate_format: PlateFormat, tracks: int) -> Iterator[tuple[RGB, str]]:
    """Frames of synthetic tracks, and what is written on them."""
    for plan in plan_tracks(tracks, seed=SEED, scenarios=SCENARIOS, layouts=None, plate_format=plate_format):
        for name, content in render_track(plan, SEED):
            if name.startswith(FRAMES):
                yield decode_image(content), plan.text


def _encoded(
    model: PlateModel, params: Params, pictures: Sequence[RGB], texts: Sequence[str]
) -> tuple[Float[np.ndarray, "n 2*d"], Bool[np.ndarray, "n k"]]:
    """Summaries of what the OCR makes of images, and which characters of their texts it reads."""
    masks = model.plate_format.layout_masks()

    @jax.jit
    def see(params: Params, batch: UInt8[Array, "b h w 3"]) -> tuple[Array, Array]:
        logits = model.logits(params, images.to_float(batch))
        return encoding_summary(logits.encoding), decode_slots(logits.slots, masks).classes

    fitted = np.stack([frame_array(picture, None, model.hr_size) for picture in pictures])
    batches = np.split(
        np.concatenate([fitted, np.repeat(fitted[:1], -len(fitted) % BATCH, axis=0)]), range(BATCH, len(fitted), BATCH)
    )
    summaries, classes = zip(*(jax.device_get(see(params, batch)) for batch in batches), strict=True)
    truth = np.stack([model.plate_format.encode(text) for text in texts])
    return np.concatenate(summaries)[: len(fitted)], np.concatenate(classes)[: len(fitted)] == truth
