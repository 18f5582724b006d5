"""Multi-scale character attention: where the characters are, at several sizes."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from lpasrn_jax.models.blocks import CONV_INIT, Conv, rescale_bilinear, resize_bilinear


class CharacterRegionDetector(nn.Module):
    """How likely each pixel is to belong to a character, [b h w c] -> [b h w 1] in (0, 1).

    Attributes:
      num_prototypes: learned 3x3 character prototypes; the largest of their similarities is added to the
        detector's logit. 0 detects without prototypes.
    """

    num_prototypes: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w 1"]:
        hidden = nn.relu(nn.Dense(x.shape[-1] // 2, dtype=self.dtype, kernel_init=CONV_INIT, name="hidden")(x))
        logit = nn.Dense(1, dtype=self.dtype, kernel_init=CONV_INIT, name="logit")(hidden)
        if self.num_prototypes:
            similarity = Conv(self.num_prototypes, use_bias=False, dtype=self.dtype, name="prototypes")(x)
            logit = logit + similarity.max(axis=-1, keepdims=True)
        return nn.sigmoid(logit)


class GuidedAttention(nn.Module):
    """Features weighed by an attention that sees the character regions, [b h w c] and [b h w 1] -> [b h w c]."""

    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], region: Float[Array, "b h w 1"]) -> Float[Array, "b h w c"]:
        c = x.shape[-1]
        hidden = nn.relu(Conv(c, dtype=self.dtype, name="conv_in")(jnp.concatenate([x, region], axis=-1)))
        return x * nn.sigmoid(Conv(c, dtype=self.dtype, name="conv_out")(hidden))


class MultiScaleCharacterAttention(nn.Module):
    """Character-guided attention at each of `scales`, fused and added to the input (MSCA), [b h w c] -> [b h w c].

    Attributes:
      scales: factors in (0, 1] by which the features are shrunk.
      num_prototypes: character prototypes per scale, 0 for none.
    """

    scales: tuple[float, ...]
    num_prototypes: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        _, h, w, c = x.shape
        attended = []
        for i, scale in enumerate(self.scales):
            scaled = x if scale == 1.0 else rescale_bilinear(x, scale)
            region = CharacterRegionDetector(self.num_prototypes, self.dtype, name=f"detector_{i}")(scaled)
            guided = GuidedAttention(self.dtype, name=f"attention_{i}")(scaled, region)
            attended.append(resize_bilinear(guided, h, w))
        fused = nn.Dense(c, dtype=self.dtype, kernel_init=CONV_INIT, name="fusion")(jnp.concatenate(attended, axis=-1))
        return nn.relu(Conv(c, dtype=self.dtype, name="conv_out")(nn.relu(fused))) + x
