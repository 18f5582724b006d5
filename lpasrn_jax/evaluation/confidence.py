"""The confidence of readings, and the fit of its calibration."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import optimize

from lpasrn_jax.reading.fusion import fuse
from lpasrn_jax.reading.reading import slot_probabilities
from lpasrn_jax.weights.bundle import Calibration

TEMPERATURES = (0.25, 16.0)  # range of the fit
AT_BOUND = 1e-3  # relative distance from a bound below which the minimum counts as lying at the bound
SURE = 1 - 1e-9  # confidence is kept within [1 - SURE, SURE], so that one wrong reading has a finite loss

LogProbs = Float[np.ndarray, "m f k v"]
Texts = Int[np.ndarray, "m k"]
Masks = Bool[np.ndarray, "l k v"]


class GroupReadings(NamedTuple):
    """The texts read from m groups of frames, each group from one track.

    log_probs: slot log-probabilities of each group's frames.
    classes: the text by summed log-probabilities, as class indices.
    right: whether it is the true text.
    """

    log_probs: Float[np.ndarray, "m f k v"]
    classes: Int[np.ndarray, "m k"]
    right: Bool[np.ndarray, " m"]


def read_groups(log_probs: LogProbs, text: Texts, layout_masks: Masks) -> GroupReadings:
    """One reading per group of f frames.

    Args:
      log_probs: slot log-probabilities of all frames of each group.
      text: of the groups, as class indices.
    """
    classes = fuse("log_probs", log_probs, layout_masks).classes
    return GroupReadings(log_probs, classes, (classes == text).all(axis=-1))


def confidence(readings: GroupReadings, layout_masks: Masks, calibration: Calibration) -> Float[np.ndarray, " m"]:
    """The calibrated probability of each group's text."""
    probabilities = slot_probabilities(readings.log_probs, layout_masks, calibration)
    return np.take_along_axis(probabilities, readings.classes[..., None], axis=-1)[..., 0].prod(axis=-1)


def fit_calibration(
    frames: Float[np.ndarray, "n k v"], tracks: LogProbs, text: Int[np.ndarray, "n k"], layout_masks: Masks
) -> Calibration | None:
    """The maximum-likelihood calibration, given which readings are right.

    The temperature is fitted on single frames, then the correlation on whole tracks. Both maximise the likelihood of "this text
    is right", the event whose probability is reported; the slots of a plate are misread together, so the product of
    probabilities calibrated slot by slot would be too small.

    Args:
      frames: slot log-probabilities of every frame by itself.
      tracks: slot log-probabilities of the frames of every track; f may be 1.
      text: of the frames, as class indices.

    Returns:
      None if the fit failed: the likelihood still grew at an end of the temperatures' range, as it does if all readings are right
      or all are wrong. Both ends of the correlation are valid results: 0, frames that err independently, and 1, frames that
      say the same, so that a track is as sure as the mean of its frames.
    """

    def loss(readings: GroupReadings, calibration: Calibration) -> float:
        sure = confidence(readings, layout_masks, calibration)
        return -float(np.log(np.where(readings.right, sure, 1 - sure).clip(1 - SURE, SURE)).mean())

    singles = read_groups(frames[:, None], text, layout_masks)
    temperature = float(np.exp(_least(lambda log_t: loss(singles, Calibration(np.exp(log_t), 0.0)), *np.log(TEMPERATURES))))
    wholes = read_groups(tracks, text[:: tracks.shape[1]], layout_masks)
    correlation = _least(lambda rho: loss(wholes, Calibration(temperature, rho)), 0.0, 1.0)
    low, high = TEMPERATURES
    inside = low * (1 + AT_BOUND) < temperature < high * (1 - AT_BOUND)
    return Calibration(temperature, correlation) if inside else None


def _least(loss: Callable[[float], float], low: float, high: float) -> float:
    return float(optimize.minimize_scalar(loss, bounds=(low, high), method="bounded").x)
