"""DCNv4 as a layer for Flax NNX. Needs Flax: pip install 'dcnv4-jax[flax]'."""

import functools

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dcnv4_jax import layer


class DCNv4(nnx.Module):
    """`dcnv4_jax.linen.DCNv4` for NNX, with the same parameters under the same names: [n h w features] -> [n h w features].

    Args:
      features: channels of input and output.
      rngs: what the parameters are initialised from.
      others: as of `dcnv4_jax.linen.DCNv4`.
    """

    def __init__(
        self,
        features: int,
        groups: int,
        *,
        kernel_size: int = 3,
        dilation: int = 1,
        offset_scale: float = 1.0,
        depthwise_kernel: int | None = None,
        center_feature_scale: bool = False,
        remove_center: bool | int = False,
        output_bias: bool = True,
        pointwise: bool = True,
        implementation: str = "auto",
        dtype: jax.typing.DTypeLike | None = None,
        param_dtype: jax.typing.DTypeLike = jnp.float32,
        rngs: nnx.Rngs,
    ):
        self.spec = layer.same_size_spec(groups, kernel_size, dilation, offset_scale, remove_center)
        self.implementation = implementation
        types = {"dtype": dtype, "param_dtype": param_dtype, "rngs": rngs}
        dense = functools.partial(nnx.Linear, features, **types)
        depthwise = functools.partial(nnx.Conv, features, features, feature_group_count=features, **types)
        self.value_proj = dense(features, kernel_init=layer.PROJECTION_INIT) if pointwise else None
        size = (depthwise_kernel, depthwise_kernel)
        self.offset_mask_depthwise = depthwise(size, kernel_init=layer.DEPTHWISE_INIT) if depthwise_kernel else None
        self.offset_mask = dense(layer.offset_mask_width(self.spec), kernel_init=layer.OFFSET_MASK_INIT)
        self.center_feature_scale = dense(groups, kernel_init=layer.OFFSET_MASK_INIT) if center_feature_scale else None
        self.output_proj = dense(features, kernel_init=layer.PROJECTION_INIT, use_bias=output_bias) if pointwise else None

    def __call__(self, x: Float[Array, "n h w c"], guide: Float[Array, "n h w c"] | None = None) -> Float[Array, "n h w c"]:
        value = x if self.value_proj is None else self.value_proj(x)
        guide = x if guide is None else guide
        offset_mask = self.offset_mask(guide if self.offset_mask_depthwise is None else self.offset_mask_depthwise(guide))
        value = value.astype(offset_mask.dtype)
        sampled = layer.sample(self.spec, self.implementation, value, offset_mask, self.center_feature_scale)
        return sampled if self.output_proj is None else self.output_proj(sampled)
