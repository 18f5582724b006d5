"""Median filter over a disc, from minima and maxima alone: sorting takes XLA thirty times as long on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def median_filter(images: Float[Array, "b h w c"], radius: int) -> Float[Array, "b h w c"]:
    """Each pixel becomes the median of the disc around it, channel by channel; the border is repeated outwards.

    What is smaller than half the disc disappears, edges stay where they are.

    Args:
      images: of any range.
      radius: of the disc in pixels, at least 1; its pixels are less than radius + 1/2 from its centre: 9, 21, 37 of them.
    """
    _, h, w, _ = images.shape
    padded = _repeat_border(_repeat_border(images, radius, axis=1), radius, axis=2)
    side = range(2 * radius + 1)
    disc = [(y, x) for y in side for x in side if (y - radius) ** 2 + (x - radius) ** 2 < (radius + 0.5) ** 2]
    return _median([padded[:, y : y + h, x : x + w] for y, x in disc])


def _repeat_border(images: Float[Array, "b h w c"], times: int, axis: int) -> Float[Array, "b h2 w2 c"]:
    """`jnp.pad` with mode `edge`, which jax2onnx 0.17 turns into a padding of every axis."""
    first, last = (jax.lax.slice_in_dim(images, at, at + 1, axis=axis) for at in (0, images.shape[axis] - 1))
    return jnp.concatenate([jnp.repeat(first, times, axis), images, jnp.repeat(last, times, axis)], axis)


def _median(values: Sequence[Array]) -> Array:
    """The median of an odd number of arrays, element by element.

    Of any half of the values and two more, neither the smallest nor the largest can be the median of all: both are dropped, one
    that has not been looked at takes their place, until one is left. It is known as forgetful selection.
    """
    half = len(values) // 2 + 2
    kept, waiting = [*values[:half]], [*values[half:]]
    while len(kept) > 1:
        _extremes_outwards(kept)
        kept = kept[1:-1] + waiting[:1]
        waiting = waiting[1:]
    return kept[0]


def _extremes_outwards(values: list[Array]) -> None:
    """Exchanges elements so that the smallest come to the front and the largest to the back."""
    last = len(values) - 1

    def order(i: int, j: int) -> None:
        values[i], values[j] = jnp.minimum(values[i], values[j]), jnp.maximum(values[i], values[j])

    for i in range(len(values) // 2):
        order(i, last - i)
    for i in range(1, last // 2 + 1):
        order(0, i)
    for i in range(len(values) // 2, last):
        order(i, last)
