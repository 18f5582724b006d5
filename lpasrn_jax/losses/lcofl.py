"""LCOFL, the layout and character oriented focal loss: its parts on the OCR's logits of the SR image.

Nascimento, Laroca, Ribeiro, Schwartz, Menotti 2024, arXiv 2408.15103: classification, layout and similarity. The third part is
`pixel.ssim_loss`. Gradients flow through the logits into the image that was read.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def classification_loss(
    slots: Float[Array, "b k v"], text: Int[Array, "b k"], class_weights: Float[Array, " v"] | None = None
) -> Float[Array, " b"]:
    """Mean over the slots of -w log p of the slot's true character; 0 or more.

    Args:
      slots: logits.
      text: the true classes.
      class_weights: w of each true class, from `confusion.class_weights`; None for 1 everywhere, the plain cross-entropy.
    """
    losses = -jnp.take_along_axis(jax.nn.log_softmax(slots), text[..., None], axis=-1)[..., 0]
    return jnp.mean(losses if class_weights is None else class_weights[text] * losses, axis=-1)


def layout_penalty(slots: Float[Array, "b k v"], allowed: Bool[Array, "b k v"], beta: float) -> Float[Array, " b"]:
    """`beta` times the probability of the classes that the plate's layout forbids, summed over the slots; in [0, beta k].

    Forbidden are digits where the layout has a letter, letters where it has a digit, and both in slots beyond its length. This is
    a soft form of the paper's penalty, which counts such characters in the decoded text: a count has no gradient.

    Args:
      slots: logits.
      allowed: the mask of each plate's layout, as `PlateFormat.layout_masks` gives it.
      beta: the penalty of a slot that is wholly of the wrong kind.
    """
    return beta * jnp.sum(jax.nn.softmax(slots), axis=(-2, -1), where=~allowed)
