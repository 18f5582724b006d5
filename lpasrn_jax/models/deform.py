"""Deformable layers: DCNv4 as a Flax module, and the older deformable convolution that learns offsets alone."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from dcnv4_jax import deform_conv
from lpasrn_jax.models.blocks import CONV_INIT, Conv


class DCNv4(nn.Module):
    """Deformable convolution v4, [b h w c] -> [b h w c]; Xiong et al. 2024, "Efficient Deformable ConvNets", arXiv 2401.06197.

    Offsets and mask start at zero, so a new layer gives its output bias everywhere and learns to look from there.

    Attributes:
      groups: channel groups that share offsets; must divide c.
      kernel_size: odd kernel height and width; the output keeps the input's size.
      offset_scale: pixels that an offset of 1 moves a tap by.
      depthwise_kernel: size of a depthwise convolution ahead of the offsets, None for none.
      center_feature_scale: blends the sampled features with the unsampled ones by a learned gate, one a group.
      remove_center: leaves the centre tap out.
      implementation: which implementation of `dcnv4_jax.deform_conv` runs.
    """

    groups: int
    kernel_size: int = 3
    offset_scale: float = 1.0
    depthwise_kernel: int | None = None
    center_feature_scale: bool = False
    remove_center: bool = False
    implementation: str = "auto"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        c = x.shape[-1]
        taps = self.kernel_size**2 - self.remove_center
        value = self._projection(c, "value_proj")(x)
        if self.depthwise_kernel is not None:
            size = (self.depthwise_kernel, self.depthwise_kernel)
            x = Conv(c, size, feature_group_count=c, dtype=self.dtype, name="offset_mask_depthwise")(x)
        # The official kernels want the last axis padded to a multiple of 8; its weights are laid out so.
        width = -(-3 * taps * self.groups // 8) * 8
        offset_mask = nn.Dense(width, dtype=self.dtype, kernel_init=nn.initializers.zeros, name="offset_mask")(x)
        sampled = deform_conv(
            value,
            offset_mask,
            groups=self.groups,
            kernel_size=(self.kernel_size, self.kernel_size),
            padding=(self.kernel_size // 2, self.kernel_size // 2),
            offset_scale=self.offset_scale,
            remove_center=self.remove_center,
            implementation=self.implementation,
        )
        if self.center_feature_scale:
            gate_layer = nn.Dense(self.groups, dtype=self.dtype, kernel_init=nn.initializers.zeros, name="center_feature_scale")
            gate = jnp.repeat(nn.sigmoid(gate_layer(sampled)), c // self.groups, axis=-1)
            sampled = sampled * (1 - gate) + value * gate
        return self._projection(c, "output_proj")(sampled)

    def _projection(self, features: int, name: str) -> nn.Dense:
        return nn.Dense(features, dtype=self.dtype, kernel_init=nn.initializers.xavier_uniform(), name=name)


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
