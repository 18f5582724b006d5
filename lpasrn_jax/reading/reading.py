"""What was read on a plate, and how sure the reader is of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.weights.bundle import Calibration

RUNNERS_UP = 3  # characters per slot that are named beside the one that was read
# Kinds of image that the OCR reads: an image enlarged by bicubic interpolation alone, the generator's image of it, and the one
# that the generator makes of several frames.
ORIGINAL, SR, FUSED = SOURCES = ("original", "sr", "fused")


def with_original(generated: str) -> str:
    """The source of a reading that is made from original images and from the generator's, `sr` or `fused`."""
    return f"{ORIGINAL}+{generated}"


@dataclasses.dataclass(frozen=True)
class Reading:
    """A plate's text with its probability.

    Attributes:
      text: the most probable text, also when it is rejected.
      confidence: the probability in [0, 1] that all of it is right: the product over the slots, those of no character included.
      layout: the name of the layout that it has.
      slots: (character, probability) of each character.
      runners_up: of each character, the next (character, probability) pairs, the most probable first; "" is no character.
      frames: how many images it was read from.
      source: what the OCR saw of them: `original`, enlarged by bicubic interpolation; `sr`, the generator's image; `fused`, the
        one that the generator makes of several; `original+sr` or `original+fused` where the reading is made from both.
      rejected: True if the confidence is below what was asked for: then the text is a guess.
      is_plate: False if the image shows no plate that could be read: then the text means nothing.
      reason: why not; empty for a plate.
    """

    text: str
    confidence: float
    layout: str
    slots: tuple[tuple[str, float], ...]
    runners_up: tuple[tuple[tuple[str, float], ...], ...]
    frames: int
    source: str
    rejected: bool
    is_plate: bool = True
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The reading in JSON's own types: the attributes by name, each slot an object with its character, probability and
        runners-up."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        others = fields.pop("runners_up")
        fields["slots"] = [
            {
                "character": character,
                "probability": probability,
                "runners_up": [{"character": c, "probability": p} for c, p in of],
            }
            for (character, probability), of in zip(self.slots, others, strict=True)
        ]
        return fields

    def __str__(self) -> str:
        guess = f"{self.text} {self.confidence:.1%}"
        if not self.is_plate:
            return f"no plate: {self.reason}"
        return f"unreadable (best guess: {guess})" if self.rejected else guess


def slot_probabilities(
    log_probs: Float[np.ndarray, "... f k v"], layout_masks: Bool[np.ndarray, "l k v"], calibration: Calibration
) -> Float[np.ndarray, "... k v"]:
    """The calibrated probability of each character of each slot, from all frames together.

    softmax(sum / (T (1 + (f - 1) rho))): the log-probabilities of independent frames would add up, but those of a track share the
    plate, the dirt and the network's habits. The factor is the design effect of f observations with a common correlation rho
    (Kish, Survey Sampling, 1965, section 5.4). Characters that no layout allows have probability 0.

    Args:
      log_probs: of each frame.
      layout_masks: of the candidate layouts.
    """
    sharpness = 1 / (calibration.temperature * (1 + (log_probs.shape[-3] - 1) * calibration.frame_correlation))
    scaled = np.where(layout_masks.any(axis=0), log_probs.sum(axis=-3, dtype=np.float64) * sharpness, -np.inf)
    odds = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def create_reading(
    classes: Int[np.ndarray, " k"],
    probabilities: Float[np.ndarray, "k v"],
    plate_format: PlateFormat,
    *,
    frames: int,
    source: str,
    min_confidence: float,
) -> Reading:
    """The reading of a text with each slot's probabilities.

    Args:
      classes: the text as class indices; its layout is the first that allows it, or "" where none does.
      probabilities: of every character in every slot.
      frames, source: see `Reading`.
      min_confidence: below it the reading is rejected.
    """
    text = plate_format.decode(classes)
    of_text = probabilities[np.arange(len(classes)), classes]
    confidence = float(of_text.prod())
    used = classes < len(plate_format.alphabet)
    others = probabilities.copy()
    others[np.arange(len(classes)), classes] = -1.0
    order = np.argsort(-others, axis=-1, kind="stable")[:, :RUNNERS_UP]
    return Reading(
        text=text,
        confidence=confidence,
        layout=next((name for name in plate_format.layout_names if plate_format.fits(text, name)), ""),
        slots=tuple((c, float(p)) for c, p in zip(text, of_text[used], strict=True)),
        runners_up=tuple(
            tuple((plate_format.decode([c]), float(slot[c])) for c in best if slot[c] > 0)
            for best, slot in zip(order[used], others[used], strict=True)
        ),
        frames=frames,
        source=source,
        rejected=confidence < min_confidence,
    )
