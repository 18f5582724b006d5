"""Contrastive loss on embeddings: images of the same plate close together, images of other plates apart."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def distance(a: Float[Array, "*#batch d"], b: Float[Array, "*#batch d"]) -> Float[Array, "*batch"]:
    """L1 distance D of two embeddings; in [0, 2 sqrt(d)] for embeddings of length 1."""
    return jnp.sum(jnp.abs(a - b), axis=-1)


def consistency_loss(
    embedding: Float[Array, "b d"], partner: Float[Array, "b d"], text: Int[Array, "b k"], margin: float
) -> Float[Array, " b"]:
    """D(embedding_i, partner_i)^2, plus the mean of max(margin - D(embedding_i, partner_j), 0)^2 over all j of another text.

    Hadsell, Chopra, LeCun 2006 (doi:10.1109/CVPR.2006.100), equation 4, with D the L1 distance and without the factors of 1/2.
    The hinge applies to different plates only: on a matching pair it would push an SR image away from its own HR image.

    Args:
      embedding: of one image of each plate.
      partner: of another image of the same plates: SR and HR, or two frames of a track.
      text: the true classes; only partners of another text repel.
      margin: D beyond which other plates are far enough apart. If it is far above the distances that occur, the hinges outweigh
        the attraction, and the matching pair is pushed apart with the others.

    Returns:
      0 or more; the second part is 0 if the batch has no other text.
    """
    attraction = distance(embedding, partner) ** 2
    hinges = jnp.maximum(margin - distance(embedding[:, None], partner[None]), 0.0) ** 2
    is_other = jnp.any(text[:, None] != text[None], axis=-1)
    return attraction + jnp.sum(hinges, axis=1, where=is_other) / jnp.maximum(jnp.sum(is_other, axis=1), 1)
