"""Does an image show a plate that can be read? A linear function of what the OCR makes of it."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float


def encoding_summary(encoding: Float[Array, "b t d"]) -> Float[Array, "b 2*d"]:
    """Mean and standard deviation over the width of the plate of the OCR's encoding."""
    encoding = encoding.astype(jnp.float32)
    return jnp.concatenate([encoding.mean(axis=1), encoding.std(axis=1)], axis=-1)


class PlateCheck(nn.Module):
    """The OCR's encoding of images to the log-odds that they show a plate that can be read, [b t d] -> [b], float32.

    Above 0 they do. It is fitted to a trained OCR (`evaluation.plate_check`), not trained with it.
    """

    @nn.compact
    def __call__(self, encoding: Float[Array, "b t d"]) -> Float[Array, " b"]:
        return nn.Dense(1, name="linear")(encoding_summary(encoding))[:, 0]
