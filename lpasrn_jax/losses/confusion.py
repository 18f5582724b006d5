"""Confusion counts of the OCR, and the class weights that LCOFL's classification loss derives from them."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def count(
    counts: Float[Array, "v v"], text: Int[Array, "b k"], predicted: Int[Array, "b k"], mask: Bool[Array, " b"]
) -> Float[Array, "v v"]:
    """`counts` with the characters of a batch added.

    Args:
      counts: rows are true classes, columns the classes read; float32, exact up to 2^24.
      text: true classes.
      predicted: classes that were read.
      mask: False for examples that do not count.
    """
    return counts.at[text, predicted].add(mask[:, None].astype(counts.dtype))


def class_weights(counts: Float[Array, "v v"], alpha: float, maximum: float) -> Float[Array, " v"]:
    """A weight w_c = min(maximum, 1 + alpha * misreadings of c / mean occurrences of a class) for each true class.

    Args:
      counts: from `count`, over an epoch.
      alpha: additional weight of misread characters.
      maximum: the largest weight.

    Returns:
      Weights in [1, maximum]; all 1 where nothing was counted.
    """
    misread = jnp.sum(counts, axis=1) - jnp.diagonal(counts)
    mean_occurrences = jnp.maximum(jnp.sum(counts), 1.0) / counts.shape[0]
    return jnp.minimum(maximum, 1.0 + alpha * misread / mean_occurrences)
