"""The enhanced attention module: which channels, which places, which shapes."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from lpasrn_jax.models.blocks import CONV_INIT

REDUCTION = 16  # of the channel unit's hidden layer


class ChannelUnit(nn.Module):
    """One weight per channel from the average and the maximum over space: [b h w c] -> [b 1 1 c] in (0, 1)."""

    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b 1 1 c"]:
        c = x.shape[-1]
        squeeze = nn.Dense(max(c // REDUCTION, 1), dtype=self.dtype, kernel_init=CONV_INIT, name="squeeze")
        expand = nn.Dense(c, dtype=self.dtype, kernel_init=CONV_INIT, name="expand")
        average, maximum = x.mean((1, 2), keepdims=True), x.max((1, 2), keepdims=True)
        return nn.sigmoid(expand(nn.relu(squeeze(average))) + expand(nn.relu(squeeze(maximum))))


class GeometricalUnit(nn.Module):
    """One weight per channel from the rows' and the columns' profiles: [b h w c] -> [b 1 1 c] in (0, 1).

    The profiles go through a linear layer each and are averaged again. Averaging commutes with a linear layer, so
    both layers are applied to the average over space, which is the same value for a fraction of the work.
    """

    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b 1 1 c"]:
        c = x.shape[-1]
        average = x.mean((1, 2), keepdims=True)
        rows = nn.Dense(c, dtype=self.dtype, kernel_init=CONV_INIT, name="rows")(average)
        columns = nn.Dense(c, dtype=self.dtype, kernel_init=CONV_INIT, name="columns")(average)
        return nn.sigmoid(rows * columns)


class EnhancedAttention(nn.Module):
    """Weighs features by channel, position and geometry (EAM), [b h w c] -> [b h w c].

    Attributes:
      position_layer: makes the layer, [b h w c] -> [b h w c], that looks around each pixel; called with a name.
      position_relu: whether the first of the two such layers is followed by a ReLU.
    """

    position_layer: Callable[..., nn.Module]
    position_relu: bool
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        channel = ChannelUnit(self.dtype, name="channel")(x)
        position = self.position_layer(name="position")(x)
        if self.position_relu:
            position = nn.relu(position)
        geometry = GeometricalUnit(self.dtype, name="geometry")(x)
        mask = nn.sigmoid(self.position_layer(name="mask")(channel * position + geometry))
        return x * mask + x
