"""From the OCR's log-odds to text: the most probable text that has a layout."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class Decoded(NamedTuple):
    """The text of each image of a batch as class indices, which layout it has, and how sure the network is of each character."""

    classes: Int[Array, "b k"]
    layout: Int[Array, " b"]  # its place in the layout masks
    log_probs: Float[Array, "b k"]  # of the characters, each at most 0


def decode_slots(slots: Float[Array, "b k v"], layout_masks: Bool[Array, "l k v"]) -> Decoded:
    """The most probable text of any layout, and its layout.

    Slots are independent, so a layout's most probable text has the best character that it allows in each slot; of these texts the
    one with the largest sum of log-probabilities wins. Probabilities are the softmax over all classes and are not renormalised
    over a layout's own: what the network gave to characters that the layout forbids speaks against the layout. Ties go to the
    first character and the first layout.

    Args:
      slots: the OCR's slot logits, before softmax.
      layout_masks: True where a layout allows a character in a slot, at least one character in each, as
        `PlateFormat.layout_masks` gives them; one layout alone fixes it.
    """
    log_probs = jax.nn.log_softmax(slots, axis=-1)
    allowed = jnp.where(jnp.asarray(layout_masks)[None], log_probs[:, None], -jnp.inf)  # [b l k v]
    best = allowed.max(axis=-1)
    layout = best.sum(axis=-1).argmax(axis=-1)
    chosen = layout[:, None, None]
    classes = jnp.take_along_axis(allowed.argmax(axis=-1), chosen, axis=1)[:, 0]
    return Decoded(classes, layout, jnp.take_along_axis(best, chosen, axis=1)[:, 0])
