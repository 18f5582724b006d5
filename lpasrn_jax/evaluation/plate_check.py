"""Fits the plate check, which tells plates from other images, to a trained OCR."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize

REGULARISATION = 0.05  # of the squared weights of standardised features, beside a mean loss of each class
LOST = 0.02  # share of synthetic plates that may be rejected; most of these are too blurred or dark to be read

Summaries = Float[np.ndarray, "n 2*d"]


def fit_plate_check(plates: Summaries, others: Summaries) -> dict[str, Any]:
    """Parameters of a `PlateCheck`: logistic regression in which plates and other images have the same total weight.

    Fitted to the first half of each; the bias is set so that the share `LOST` of the held-out plates is rejected.

    Args:
      plates: `encoding_summary` of images that plates fill, images of one plate next to each other.
      others: the same of images without a plate of the kind that the OCR reads.
    """
    (fitted, held_out), (fitted_others, _) = (np.array_split(kind.astype(np.float64), 2) for kind in (plates, others))
    features = np.concatenate([fitted, fitted_others])
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    is_plate = np.arange(len(features)) < len(fitted)
    weights = _logistic_regression((features - mean) / spread, is_plate) / spread
    return {"linear": {"kernel": np.float32(weights[:, None]), "bias": np.float32([-np.quantile(held_out @ weights, LOST)])}}


def _logistic_regression(features: Float[np.ndarray, "n d"], is_plate: Bool[np.ndarray, " n"]) -> Float[np.ndarray, " d"]:
    sign = np.where(is_plate, 1.0, -1.0)
    share = np.where(is_plate, 1 / is_plate.sum(), 1 / (~is_plate).sum())

    def loss(parameters: Float[np.ndarray, " d+1"]) -> tuple[float, Float[np.ndarray, " d+1"]]:
        weights, bias = parameters[:-1], parameters[-1]
        margin = sign * (features @ weights + bias)
        slope = -sign * share / (1 + np.exp(np.clip(margin, -500, 500)))
        value = (share * np.logaddexp(0, -margin)).sum() + REGULARISATION * (weights**2).sum()
        return value, np.append(features.T @ slope + 2 * REGULARISATION * weights, slope.sum())

    return optimize.minimize(loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B").x[:-1]
