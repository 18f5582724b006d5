"""Metrics of confidence: calibration and selective reading. Each reading has a confidence in [0, 1] and is right or wrong."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

BINS = 10
SIMULATIONS = 1000

Confidence = Float[np.ndarray, " n"]
Right = Bool[np.ndarray, " n"]


class Reliability(NamedTuple):
    """Per bin of confidence: number of readings, their mean confidence and their accuracy; NaN in an empty bin."""

    count: Int[np.ndarray, " b"]
    confidence: Float[np.ndarray, " b"]
    accuracy: Float[np.ndarray, " b"]


def confidence_gap(confidence: Confidence, right: Right) -> float | None:
    """Mean confidence of right readings minus that of wrong ones (arXiv 2604.22506); None where there are none of either."""
    confidence, right = _checked(confidence, right)
    if right.all() or not right.any():
        return None
    return float(confidence[right].mean() - confidence[~right].mean())


def reliability(confidence: Confidence, right: Right) -> Reliability:
    """Readings in ten bins of equal width, each including its lower end; 1 is in the last bin."""
    confidence, right = _checked(confidence, right)
    member = np.minimum((confidence * BINS).astype(int), BINS - 1)
    count = np.bincount(member, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = (np.bincount(member, weights=column, minlength=BINS) / count for column in (confidence, right))
        return Reliability(count, *means)


def expected_calibration_error(confidence: Confidence, right: Right) -> float:
    """ECE: mean absolute difference of confidence and accuracy over the bins (Guo et al. 2017, arXiv 1706.04599)."""
    bins = reliability(confidence, right)
    distance = np.abs(np.nan_to_num(bins.confidence - bins.accuracy))
    return float((bins.count * distance).sum() / bins.count.sum())


def calibration_error_by_chance(confidence: Confidence, *, seed: int = 0) -> float:
    """The mean ECE of a perfectly calibrated reader with these confidences, over 1000 simulated outcomes.

    Each bin has few readings, whose accuracy differs from their confidence by chance, and the ECE counts that as an error
    (Bröcker and Smith 2007, doi:10.1175/WAF993.1). An ECE near this value is no sign of a wrong confidence.
    """
    confidence, _ = _checked(confidence, np.zeros(np.shape(confidence)))
    right = np.random.default_rng(seed).random((SIMULATIONS, len(confidence))) < confidence
    return float(np.mean([expected_calibration_error(confidence, one) for one in right]))


def risk_coverage(confidence: Confidence, right: Right) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Coverage (share of readings accepted) and risk (share of these that is wrong), from the most confident reading on.

    One point per distinct confidence: equally confident readings can only be accepted together.
    """
    confidence, right = _checked(confidence, right)
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[order])
    last = np.append(np.diff(confidence[order]) != 0, True)  # of the readings with its confidence
    accepted = np.arange(1, len(order) + 1)
    return accepted[last] / len(order), (wrong / accepted)[last]


def area_under_risk_coverage(confidence: Confidence, right: Right) -> float:
    """AURC: mean risk over all coverages (Geifman et al. 2019, arXiv 1805.08206), each step at the risk at its end."""
    coverage, risk = risk_coverage(confidence, right)
    return float((np.diff(coverage, prepend=0.0) * risk).sum())


def coverage_at_risk(confidence: Confidence, right: Right, risk: float) -> float:
    """The largest coverage at which at most the share `risk` of the accepted readings is wrong; 0 if there is none."""
    coverage, risks = risk_coverage(confidence, right)
    return float(max(coverage[risks <= risk], default=0.0))


def _checked(confidence: Confidence, right: Right) -> tuple[Confidence, Right]:
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, bool)
    if confidence.shape != right.shape or confidence.ndim != 1 or not len(confidence):
        raise ValueError(f"confidence {confidence.shape} and right {right.shape} found; expected the same [n], n at least 1")
    if not (confidence.min() >= 0 and confidence.max() <= 1):
        raise ValueError(f"confidence: {confidence.min()} to {confidence.max()} found; expected [0, 1]")
    return confidence, right
