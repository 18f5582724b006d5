"""The generator: a low-resolution plate in, the same plate two or four times as large out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lpasrn_jax.images import bicubic_upscale
from lpasrn_jax.models.attention import EnhancedAttention
from lpasrn_jax.models.blocks import Conv, ShallowFeatures, Upscaler, resize_bilinear
from lpasrn_jax.models.deform import DCNv4, OffsetDeformConv
from lpasrn_jax.models.light import evenly_lit
from lpasrn_jax.models.median import median_filter
from lpasrn_jax.models.msca import MultiScaleCharacterAttention

SCALES = (2, 4)
SKIPS = ("bilinear", "bicubic")
MEDIAN_RADIUS = 2  # SR pixels; a character's strokes are some 5 wide where the plate fills the image


class AttentiveDenseBlock(nn.Module):
    """Residual-in-residual dense block with enhanced attention (RRDB-EA), [b h w f] -> [b h w f]."""

    growth: int
    dense_layers: int
    attention: Callable[..., nn.Module]
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w f"]) -> Float[Array, "b h w f"]:
        features = x.shape[-1]
        seen = x
        for j in range(self.dense_layers):
            new = nn.relu(Conv(self.growth, dtype=self.dtype, name=f"dense_{j}")(seen))
            seen = jnp.concatenate([seen, new], axis=-1)
        y = Conv(features, dtype=self.dtype, name="dense_conv")(seen)
        y = self.attention(name="attention")(y)
        return Conv(features, dtype=self.dtype, name="local_conv")(y) + x


class Generator(nn.Module):
    """LP-ASRN's generator: [b h w 3] in [-1, 1] -> [b scale*h scale*w 3] in [-1, 1], for any h and w.

    The attributes are the keys of a config's `model` section.

    Attributes:
      features: channels f of the trunk.
      num_rrdb_blocks: RRDB-EA blocks in the trunk.
      growth: channels that each dense layer of a block adds.
      dense_layers: dense layers of a block.
      scale: 2 or 4.
      use_deformable: deformable layers in the attention; False has plain 3x3 convolutions in their place.
      use_dcnv4: DCNv4 for those layers; False has deformable convolutions that learn offsets alone.
      deform_groups: DCNv4's channel groups.
      deform_implementation: implementation of `dcnv4_jax.deform_conv`.
      deform_center_offset: grid of the offset-only layers, see `OffsetDeformConv`; 1 for weights imported from PyTorch.
      use_character_attention: whether multi-scale character attention follows the trunk.
      msca_scales: its scales.
      msca_num_prototypes: its character prototypes per scale.
      msca_prototype_guidance: whether the prototypes guide it; False leaves them out, as imported weights need.
      skip: what the detail is added to. `bilinear` is the guide's: a learned part (0.1 at first) of the bilinear image, so that
        the network paints nearly all of the picture. `bicubic` is the whole bicubic image, which a new network returns as it is.
      light_sigma: width, as a part of the image's height, of what counts as uneven light (`evenly_lit`), which the layers do not
        see: what they add is the same in glare and shadow. The skip keeps the light in the SR image. 0 shows them all of it.
      median_limit: grey levels by which each pixel of the SR image may move, at the end, towards the median of 21 pixels around
        it; that removes specks and notches. 0 leaves the image as it is.
      dtype: of the computation; parameters are float32.
      remat: recompute each block in the backward pass rather than keep its activations.
    """

    features: int = 64
    num_rrdb_blocks: int = 12
    growth: int = 32
    dense_layers: int = 3
    scale: int = 2
    use_deformable: bool = True
    use_dcnv4: bool = True
    deform_groups: int = 4
    deform_implementation: str = "auto"
    deform_center_offset: int = 0
    use_character_attention: bool = True
    msca_scales: tuple[float, ...] = (1.0, 0.5, 0.25)
    msca_num_prototypes: int = 36
    msca_prototype_guidance: bool = True
    skip: str = "bilinear"
    light_sigma: float = 0.0
    median_limit: float = 0.0
    dtype: str = "float32"
    remat: bool = False

    def setup(self):
        if self.scale not in SCALES:
            raise ValueError(f"model.scale: {self.scale} is not supported; expected one of {SCALES}")
        if self.features % 4:
            raise ValueError(f"model.features: {self.features} found; expected a multiple of 4, for the pixel shuffle")
        if self.skip not in SKIPS:
            raise ValueError(f"model.skip: {self.skip!r} is not supported; expected one of {SKIPS}")
        if self.light_sigma < 0:
            raise ValueError(f"model.light_sigma: {self.light_sigma} found; expected 0 or a part of the image's height")
        if self.median_limit < 0:
            raise ValueError(f"model.median_limit: {self.median_limit} found; expected 0 or a number of grey levels")
        dtype = jnp.dtype(self.dtype)
        attention = partial(
            EnhancedAttention, position_layer=self._position_layer(dtype), position_relu=not self.use_deformable, dtype=dtype
        )
        block = nn.remat(AttentiveDenseBlock) if self.remat else AttentiveDenseBlock
        self.shallow = ShallowFeatures(self.features, dtype)
        self.block = [block(self.growth, self.dense_layers, attention, dtype) for _ in range(self.num_rrdb_blocks)]
        self.deep_conv = Conv(self.features, dtype=dtype)
        if self.use_character_attention:
            prototypes = self.msca_num_prototypes if self.msca_prototype_guidance else 0
            self.msca = MultiScaleCharacterAttention(tuple(self.msca_scales), prototypes, dtype)
        self.upscaler = Upscaler(self.features, self.scale, dtype)
        # The last layer and the skip run in float32: eight bits per pixel need more than bfloat16's eight bits of mantissa.
        if self.skip == "bicubic":
            self.reconstruct = Conv(3, dtype=jnp.float32, kernel_init=nn.initializers.zeros)
        else:
            self.reconstruct = Conv(3, dtype=jnp.float32)
            self.skip_weight = self.param("skip_weight", nn.initializers.constant(0.1), ())

    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b h*{self.scale} w*{self.scale} 3"]:
        return self.render(self.extract(image), image)

    def extract(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b h w f"]:
        """The shallow features, which the trunk starts from."""
        return self.shallow(evenly_lit(image, self.light_sigma) if self.light_sigma else image)

    def render(
        self, features: Float[Array, "b h w f"], image: Float[Array, "b h w 3"]
    ) -> Float[Array, "b h*{self.scale} w*{self.scale} 3"]:
        """The SR image of shallow features, and of the LR image that the skip takes."""
        sr = self._paint(features, image)
        if not self.median_limit:
            return sr
        limit = self.median_limit / 127.5
        return sr + jnp.clip(median_filter(sr, MEDIAN_RADIUS) - sr, -limit, limit)

    def _paint(
        self, features: Float[Array, "b h w f"], image: Float[Array, "b h w 3"]
    ) -> Float[Array, "b h*{self.scale} w*{self.scale} 3"]:
        x = features
        for block in self.block:
            x = block(x)
        x = self.deep_conv(x) + features
        if self.use_character_attention:
            x = self.msca(x)
        detail, image = self.reconstruct(self.upscaler(x)), image.astype(jnp.float32)
        if self.skip == "bicubic":
            return _clip(bicubic_upscale(image, self.scale) + detail)
        _, h, w, _ = image.shape
        skip = resize_bilinear(image, h * self.scale, w * self.scale)
        return jnp.clip(nn.tanh(detail) + self.skip_weight * skip, -1.0, 1.0)

    def _position_layer(self, dtype: jnp.dtype) -> Callable[..., nn.Module]:
        if not self.use_deformable:
            return partial(Conv, self.features, dtype=dtype)
        if self.use_dcnv4:
            return partial(DCNv4, self.deform_groups, implementation=self.deform_implementation, dtype=dtype)
        return partial(OffsetDeformConv, self.features, self.deform_center_offset, self.deform_implementation, dtype)


@jax.custom_gradient
def _clip(x: Float[Array, "b h w 3"]) -> tuple[Float[Array, "b h w 3"], Callable[[Array], Array]]:
    """x cut off at -1 and 1, where the gradient passes as if it were not: an image that is all white in early training would
    have none to learn from, and stay white."""
    return jnp.clip(x, -1.0, 1.0), lambda gradient: gradient


FIELDS = tuple(field.name for field in dataclasses.fields(Generator) if field.name not in ("parent", "name"))


def create_generator(config: Mapping[str, Any]) -> Generator:
    """The generator of a config's `model` section; keys of that section that belong to other networks are ignored."""
    fields = {name: config[name] for name in FIELDS if name in config}
    if "msca_scales" in fields:
        fields["msca_scales"] = tuple(fields["msca_scales"])  # YAML and JSON give lists; modules are hashed
    return Generator(**fields)
