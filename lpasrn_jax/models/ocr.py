"""The OCR: a plate image in, the logits of its characters out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from lpasrn_jax.models.blocks import CONV_INIT, Conv, max_pool
from lpasrn_jax.models.group_norm import GroupNorm
from lpasrn_jax.models.spatial_transformer import SpatialTransformer
from lpasrn_jax.plates import PlateFormat

POOLS = ((2, 2), (2, 2), (2, 1), (2, 1))  # height, width after each stage
PIXELS_PER_STEP = 4  # of width
NORM_GROUP = 8  # channels per group of the group normalisation
SQUEEZE = 16  # reduction of squeeze-and-excitation
MIN_SQUEEZED = 8  # its hidden channels at least: one or two ReLUs are often dead from the start
QUERY_SCALE = 3.0  # of a new slot query, in encodings of its place: sharp enough to look at one part of the plate
BLANK_BIAS = 5.0  # log-odds of the CTC blank in a new network: most steps of a plate are blank


class OCRLogits(NamedTuple):
    """Logits of both heads for a batch of images, float32 or better, before softmax, and what they are made from."""

    ctc: Float[Array, "b t v1"]  # of v + 1 classes: blank is class 0, character i is class i + 1
    slots: Float[Array, "b k v"]
    encoding: Float[Array, "b t d"] | None = None  # what both heads see

    @property
    def slot_log_probs(self) -> Float[Array, "b k v"]:
        """Log-probabilities of the characters in each slot, float32."""
        return nn.log_softmax(self.slots.astype(jnp.float32))


class SqueezeExcitation(nn.Module):
    """Weighs channels by what the whole image holds, [b h w c] -> [b h w c]; Hu et al. 2018, arXiv 1709.01507."""

    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        c = x.shape[-1]
        squeeze = nn.Dense(max(c // SQUEEZE, MIN_SQUEEZED), dtype=self.dtype, name="squeeze")
        excite = nn.Dense(c, dtype=self.dtype, name="excite")
        return x * nn.sigmoid(excite(nn.relu(squeeze(x.mean((1, 2), keepdims=True)))))


class SEResidualBlock(nn.Module):
    """Two 3x3 convolutions with group normalisation and squeeze-and-excitation beside a shortcut, [b h w c] -> [b h w width]."""

    width: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w width"]:
        y = nn.relu(self._norm("norm_0")(Conv(self.width, use_bias=False, dtype=self.dtype, name="conv_0")(x)))
        y = self._norm("norm_1")(Conv(self.width, use_bias=False, dtype=self.dtype, name="conv_1")(y))
        y = SqueezeExcitation(self.dtype, name="se")(y)
        if x.shape[-1] != self.width:
            x = self._norm("norm_shortcut")(nn.Dense(self.width, use_bias=False, dtype=self.dtype, name="shortcut")(x))
        return nn.relu(x + y)

    def _norm(self, name: str) -> GroupNorm:
        return GroupNorm(NORM_GROUP, self.dtype, name=name)


class EncoderLayer(nn.Module):
    """Transformer encoder layer, normalised first, [b t d] -> [b t d]."""

    heads: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b t d"]) -> Float[Array, "b t d"]:
        d = x.shape[-1]
        y = nn.LayerNorm(epsilon=1e-5, dtype=self.dtype, name="norm_attention")(x)
        x = x + nn.MultiHeadDotProductAttention(self.heads, dtype=self.dtype, name="attention")(y)
        y = nn.LayerNorm(epsilon=1e-5, dtype=self.dtype, name="norm_mlp")(x)
        y = nn.gelu(nn.Dense(4 * d, dtype=self.dtype, name="mlp_in")(y), approximate=False)
        return x + nn.Dense(d, dtype=self.dtype, name="mlp_out")(y)


def width_encoding(steps: int, channels: int) -> Float[np.ndarray, "t d"]:
    """Sines and cosines of the position across the plate as a fraction of its width, so that a wider image reads the same."""
    position = (np.arange(steps) + 0.5) / steps
    angles = np.pi * position[:, None] * np.geomspace(1.0, 64.0, channels // 2)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).astype(np.float32)


class OCR(nn.Module):
    """Reads plates of any size: [b h w 3] in [-1, 1] -> `OCRLogits` with t = w / 4, rounded up.

    A spatial transformer, an SE-ResNet, the mean over the height, a transformer over the width, and two heads. There is no batch
    statistic in it, so a frozen OCR is a pure function of its image.

    A new network's slots look where the characters of an evenly written plate are, and its CTC head says blank: left to find
    out either by itself, both heads stay for long at texts that are alike for every plate.

    Attributes:
      num_classes: characters of the alphabet, without the blank of CTC.
      num_slots: slots k of a plate.
      num_slot_classes: classes v of a slot: the characters and, where plates differ in length, one for no character.
      widths: channels of the four stages, multiples of 8; the last is the transformer's width d.
      blocks_per_stage: residual blocks of each stage.
      transformer_layers: encoder layers.
      heads: attention heads, must divide d.
      dtype: of the computation; parameters are float32, logits float32 or better.
    """

    num_classes: int
    num_slots: int
    num_slot_classes: int
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    blocks_per_stage: int = 2
    transformer_layers: int = 2
    heads: int = 8
    dtype: str = "float32"

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> OCRLogits:
        dtype = jnp.dtype(self.dtype)
        x = SpatialTransformer(dtype, name="transformer")(image)
        x = nn.relu(Conv(self.widths[0], dtype=dtype, name="stem")(x))
        for i, (width, pool) in enumerate(zip(self.widths, POOLS, strict=True)):
            for j in range(self.blocks_per_stage):
                x = SEResidualBlock(width, dtype, name=f"stage_{i}_block_{j}")(x)
            x = max_pool(x, pool)
        x = nn.LayerNorm(epsilon=1e-5, dtype=dtype, name="norm_height")(x.mean(axis=1))
        x = x + width_encoding(x.shape[1], x.shape[2])[None].astype(dtype)
        for i in range(self.transformer_layers):
            x = EncoderLayer(self.heads, dtype, name=f"encoder_{i}")(x)
        x = nn.LayerNorm(epsilon=1e-5, dtype=dtype, name="norm_encoder")(x)
        return OCRLogits(self._ctc(x), self._slots(x, dtype), x)

    def _ctc(self, steps: Float[Array, "b t d"]) -> Float[Array, "b t v1"]:
        def blank_first(key, shape, dtype):
            return jnp.zeros(shape, dtype).at[0].set(BLANK_BIAS)

        zeros = nn.initializers.zeros
        dtype = jnp.promote_types(jnp.float32, steps.dtype)
        return nn.Dense(self.num_classes + 1, dtype=dtype, kernel_init=zeros, bias_init=blank_first, name="ctc")(steps)

    def _slots(self, steps: Float[Array, "b t d"], dtype: jnp.dtype) -> Float[Array, "b k v"]:
        b, _, d = steps.shape
        queries = self.param(
            "slot_queries", lambda key, shape: QUERY_SCALE * jnp.asarray(width_encoding(*shape)), (self.num_slots, d)
        )
        queries = jnp.broadcast_to(queries.astype(dtype), (b, self.num_slots, d))
        # Unmixed, the encodings in queries and steps meet: a query looks at the steps at its own place.
        attention = nn.MultiHeadDotProductAttention(self.heads, dtype=dtype, kernel_init=_unmixed, name="slot_attention")
        attended = attention(queries, steps)
        x = nn.LayerNorm(epsilon=1e-5, dtype=dtype, name="norm_slots")(attended + queries)
        return nn.Dense(self.num_slot_classes, dtype=jnp.promote_types(jnp.float32, dtype), kernel_init=CONV_INIT, name="slots")(
            x
        )


def _unmixed(key, shape: tuple[int, ...], dtype: jnp.dtype) -> Float[Array, "d d"]:
    """The projection of d channels to heads that leaves each channel as it is."""
    return jnp.eye(math.prod(shape[1:]), dtype=dtype).reshape(shape)


def create_ocr(config: Mapping[str, Any], plates: PlateFormat, dtype: str = "float32") -> OCR:
    """The OCR of a config's `model.ocr` section for plates of that format."""
    fields = dict(config) | {"widths": tuple(config["widths"])}  # YAML gives lists; modules are hashed
    return OCR(len(plates.alphabet), plates.length, len(plates.labels), dtype=dtype, **fields)
