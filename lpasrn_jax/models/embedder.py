"""The embedder: images of the same plate lie close to each other, others far apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from lpasrn_jax.models.blocks import Conv, StridedConv

HE_INIT = nn.initializers.variance_scaling(2.0, "fan_out", "truncated_normal")
IMAGENET_MEAN = np.array([[[[0.485, 0.456, 0.406]]]], np.float32)  # of RGB in [0, 1]
IMAGENET_STD = np.array([[[[0.229, 0.224, 0.225]]]], np.float32)


class ChannelAffine(nn.Module):
    """Scale and shift of each channel, [b h w c] -> [b h w c]: batch normalisation with its statistics folded in for good."""

    dtype: jnp.dtype
    scale_init: nn.initializers.Initializer = nn.initializers.ones

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        scale = self.param("scale", self.scale_init, x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
        scale, bias = (a.astype(self.dtype)[None, None, None] for a in (scale, bias))
        return x * scale + bias


class BasicBlock(nn.Module):
    """ResNet's block of two 3x3 convolutions, [b h w c] -> [b h/stride w/stride width]."""

    width: int
    stride: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 width"]:
        first = Conv if self.stride == 1 else StridedConv
        y = first(self.width, use_bias=False, kernel_init=HE_INIT, dtype=self.dtype, name="conv_0")(x)
        y = nn.relu(ChannelAffine(self.dtype, name="affine_0")(y))
        y = Conv(self.width, use_bias=False, kernel_init=HE_INIT, dtype=self.dtype, name="conv_1")(y)
        # A new block is its shortcut: nothing normalises, so eight random blocks on top of each other would grow without bound.
        y = ChannelAffine(self.dtype, nn.initializers.zeros, name="affine_1")(y)
        if x.shape[-1] != self.width:
            x = nn.Dense(self.width, use_bias=False, dtype=self.dtype, name="shortcut")(x[:, :: self.stride, :: self.stride])
            x = ChannelAffine(self.dtype, name="affine_shortcut")(x)
        return nn.relu(x + y)


class ResNet18(nn.Module):
    """torchvision's ResNet-18 without its classifier and with frozen normalisation: [b h w 3] in [-1, 1] -> [b 512]."""

    dtype: jnp.dtype

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b 512"]:
        x = ((image + 1) / 2 - IMAGENET_MEAN) / IMAGENET_STD
        x = Conv(64, (7, 7), strides=2, padding=3, use_bias=False, kernel_init=HE_INIT, dtype=self.dtype, name="stem")(x)
        x = nn.relu(ChannelAffine(self.dtype, name="affine_stem")(x))
        x = nn.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
        for i, width in enumerate((64, 128, 256, 512)):
            x = BasicBlock(width, 1 if i == 0 else 2, self.dtype, name=f"stage_{i}_block_0")(x)
            x = BasicBlock(width, 1, self.dtype, name=f"stage_{i}_block_1")(x)
        return x.mean((1, 2))


class LightweightBackbone(nn.Module):
    """Four strided convolutions: [b h w 3] in [-1, 1] -> [b 256]."""

    dtype: jnp.dtype

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b 256"]:
        x = image
        for i, width in enumerate((32, 64, 128, 256)):
            x = StridedConv(width, use_bias=False, dtype=self.dtype, name=f"conv_{i}")(x)
            x = nn.relu(nn.GroupNorm(num_groups=None, group_size=8, epsilon=1e-5, dtype=self.dtype, name=f"norm_{i}")(x))
        return x.mean((1, 2))


BACKBONES = {"resnet18": ResNet18, "lightweight": LightweightBackbone}


class Embedder(nn.Module):
    """Images of any size to vectors of length 1: [b h w 3] in [-1, 1] -> [b dim], float32 or better.

    Attributes:
      backbone: "resnet18" or "lightweight".
      dim: length of the embedding.
      dtype: of the computation; parameters are float32.
    """

    backbone: str = "resnet18"
    dim: int = 128
    dtype: str = "float32"

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b dim"]:
        if self.backbone not in BACKBONES:
            raise ValueError(f"embedder backbone: {self.backbone!r} is unknown; expected one of {', '.join(BACKBONES)}")
        x = BACKBONES[self.backbone](jnp.dtype(self.dtype), name="backbone")(image)
        x = x.astype(jnp.promote_types(jnp.float32, x.dtype))
        x = nn.relu(nn.Dense(256, name="hidden")(x))
        x = nn.Dense(self.dim, name="embedding")(x)
        # The floor keeps the gradient finite where an embedding is zero.
        return x * lax.rsqrt(jnp.maximum((x * x).sum(axis=-1, keepdims=True), 1e-12))


def create_embedder(config: Mapping[str, Any], dtype: str = "float32") -> Embedder:
    """The embedder of a config's `model.embedder` section."""
    return Embedder(dtype=dtype, **config)
