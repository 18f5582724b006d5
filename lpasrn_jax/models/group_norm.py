"""Group normalisation whose sums are quick on a CPU."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

EPSILON = 1e-5  # added to the variance, as in PyTorch


class GroupNorm(nn.Module):
    """Each image's groups of channels with mean 0 and variance 1, then scaled and shifted by channel.

    From Wu and He 2018, arXiv 1803.08494. It computes what `nn.GroupNorm` does, with its parameters. Here the sums over the image
    come first, channel by channel, and the groups' from them: XLA then takes half of the time or less on a CPU, for the gradient
    as well.

    Attributes:
      group_size: channels per group; must divide c.
      dtype: of the result; means and variances are float32 or better.
    """

    group_size: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        c = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (c,))
        bias = self.param("bias", nn.initializers.zeros, (c,))
        x = x.astype(jnp.promote_types(jnp.float32, x.dtype))
        mean = self._group_mean(x)
        variance = jnp.maximum(self._group_mean(x**2) - mean**2, 0.0)  # of an int 0, jax2onnx makes float64
        return ((x - mean) * (jax.lax.rsqrt(variance + EPSILON) * scale) + bias).astype(self.dtype)

    def _group_mean(self, x: Float[Array, "b h w c"]) -> Float[Array, "b 1 1 c"]:
        """The mean of each group, for each of its channels."""
        channels = x.mean((1, 2), keepdims=True)
        groups = channels.reshape(*channels.shape[:3], -1, self.group_size).mean(-1)
        return jnp.repeat(groups, self.group_size, axis=-1)
