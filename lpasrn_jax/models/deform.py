"""Deformable layers: dcnv4_jax's DCNv4, and the older deformable convolution that learns offsets alone."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from dcnv4_jax import deform_conv
from dcnv4_jax.api import IMPLEMENTATIONS
from dcnv4_jax.linen import DCNv4
from lpasrn_jax.models.blocks import CONV_INIT, Conv

__all__ = ["IMPLEMENTATION_NAMES", "DCNv4", "OffsetDeformConv"]

IMPLEMENTATION_NAMES = ("auto", *IMPLEMENTATIONS)


class OffsetDeformConv(nn.Module):
    """3x3 convolution whose nine taps move by learned offsets, [b h w c] -> [b h w features]; Dai et al. 2017, arXiv 1703.06211.

    The offsets start at zero: a new layer is a plain 3x3 convolution with zero padding.

    Attributes:
      center_offset: pixels by which the centre tap lies down and right of the output pixel. 0 is the true grid;
        the PyTorch LP-ASRN sampled at 1, and weights imported from it need that.
      implementation: which implementation of `dcnv4_jax.deform_conv` samples.
    """

    features: int
    center_offset: int = 0
    implementation: str = "auto"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w f"]:
        b, h, w, _ = x.shape
        offsets = Conv(18, dtype=self.dtype, kernel_init=nn.initializers.zeros, name="offset_conv")(x)
        offsets = offsets.reshape(b, h, w, 9, 2)  # tap (ky, kx) row by row; y before x
        # Each tap is one group of a 1x1 deformable convolution with mask 1: it samples, and the dense kernel contracts.
        grid = jnp.stack(jnp.meshgrid(jnp.arange(-1, 2), jnp.arange(-1, 2), indexing="ij"), axis=-1).reshape(1, 1, 1, 9, 2)
        rows, columns = jnp.moveaxis(offsets + (grid + self.center_offset).astype(offsets.dtype), -1, 0)
        taps = deform_conv(
            jnp.tile(x.astype(offsets.dtype), 9),
            jnp.stack([columns, rows, jnp.ones_like(rows)], axis=-1).reshape(b, h, w, 27),
            groups=9,
            kernel_size=(1, 1),
            padding=(0, 0),
            implementation=self.implementation,
        )
        return nn.Dense(self.features, dtype=self.dtype, kernel_init=CONV_INIT, name="taps")(taps)
