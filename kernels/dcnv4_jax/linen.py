"""DCNv4 as a layer for Flax Linen. Needs Flax: pip install 'dcnv4-jax[flax]'."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dcnv4_jax import layer


class DCNv4(nn.Module):
    """The module of the official DCNv4, [n h w c] -> [n h w c]; Xiong et al. 2024, arXiv 2401.06197.

    Offsets and mask start at zero, so a new layer gives its output bias everywhere (`pointwise=False`: zero) and learns to look
    from there.

    Attributes:
      groups: channel groups that share offsets; must divide c.
      kernel_size: odd kernel height and width.
      dilation: input pixels between taps.
      offset_scale: pixels that an offset of 1 moves a tap by.
      depthwise_kernel: size of a depthwise convolution ahead of offsets and mask, None for none.
      center_feature_scale: blends the sampled features with the unsampled ones by a learned gate, one a group.
      remove_center: leaves the centre tap out; 0 and 1 are taken too.
      output_bias: whether the output projection has a bias.
      pointwise: whether there are value and output projections at all.
      implementation: which implementation of `dcnv4_jax.deform_conv` runs.
      dtype: of the computation; None takes what inputs and parameters promote to.
      param_dtype: of the parameters.
    """

    groups: int
    kernel_size: int = 3
    dilation: int = 1
    offset_scale: float = 1.0
    depthwise_kernel: int | None = None
    center_feature_scale: bool = False
    remove_center: bool | int = False
    output_bias: bool = True
    pointwise: bool = True
    implementation: str = "auto"
    dtype: jax.typing.DTypeLike | None = None
    param_dtype: jax.typing.DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"], guide: Float[Array, "n h w d"] | None = None) -> Float[Array, "n h w c"]:
        """
        Args:
          x: what is sampled.
          guide: what offsets and mask are computed from, such as features of two frames that are to be aligned; x if not given.
        """
        c = x.shape[-1]
        spec = layer.same_size_spec(self.groups, self.kernel_size, self.dilation, self.offset_scale, self.remove_center)
        value = self._dense(c, layer.PROJECTION_INIT, "value_proj")(x) if self.pointwise else x
        guide = x if guide is None else guide
        if self.depthwise_kernel is not None:
            d = guide.shape[-1]
            guide = nn.Conv(
                d,
                (self.depthwise_kernel, self.depthwise_kernel),
                feature_group_count=d,
                kernel_init=layer.DEPTHWISE_INIT,
                dtype=self.dtype,
                param_dtype=self.param_dtype,
                name="offset_mask_depthwise",
            )(guide)
        offset_mask = self._dense(layer.offset_mask_width(spec), layer.OFFSET_MASK_INIT, "offset_mask")(guide)
        gate = self._dense(self.groups, layer.OFFSET_MASK_INIT, "center_feature_scale") if self.center_feature_scale else None
        sampled = layer.sample(spec, self.implementation, value.astype(offset_mask.dtype), offset_mask, gate)
        return self._dense(c, layer.PROJECTION_INIT, "output_proj", self.output_bias)(sampled) if self.pointwise else sampled

    def _dense(self, features: int, kernel_init: nn.initializers.Initializer, name: str, use_bias: bool = True) -> nn.Dense:
        return nn.Dense(features, use_bias, kernel_init=kernel_init, dtype=self.dtype, param_dtype=self.param_dtype, name=name)
