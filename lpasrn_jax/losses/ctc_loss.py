"""The loss of the OCR's CTC head."""

from __future__ import annotations

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from lpasrn_jax.plates import PlateFormat

BLANK = 0  # character i is class i + 1


def ctc_loss(logits: Float[Array, "b t v1"], text: Int[Array, "b k"]) -> Float[Array, " b"]:
    """-log p of the text, summed over all its alignments with the t steps, divided by its number of characters; 0 or more.

    Graves, Fernandez, Gomez, Schmidhuber 2006 (doi:10.1145/1143844.1143891). A value per character, like the loss of the slots.
    A text of n characters that fits no alignment (see `steps_needed`) has a loss of about 1e5 / n and a meaningless gradient.

    Args:
      logits: blank is class 0, character i is class i + 1.
      text: characters i; a slot without a character has the class v.
    """
    b, t, classes = logits.shape
    used = text < classes - 1
    # In optax, padding is 1; here no step is padding.
    labels = jnp.where(used, text + 1, BLANK)
    losses = optax.ctc_loss(logits, jnp.zeros((b, t)), labels, 1.0 - used, blank_id=BLANK)
    # Rounding may take the loss of an almost certain text below 0. The gradient lost there is small: at most 2 (1 - p) per step.
    return jnp.maximum(losses, 0.0) / used.sum(axis=-1)


def steps_needed(plate_format: PlateFormat) -> int:
    """The fewest CTC steps in which every text of the format can be written.

    A character takes a step, and so does the blank between two equal ones.
    """
    return max(len(pattern) + plate_format.neighbours_alike(pattern) for _, pattern in plate_format.layouts)
