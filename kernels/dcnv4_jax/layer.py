"""What the Linen and the NNX layer share: their geometry, their initialisation and what lies between their projections."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dcnv4_jax.api import deform_conv
from dcnv4_jax.spec import DeformConvSpec

PROJECTION_INIT = jax.nn.initializers.xavier_uniform()
OFFSET_MASK_INIT = jax.nn.initializers.zeros
DEPTHWISE_INIT = jax.nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")  # PyTorch's own for convolutions


def same_size_spec(
    groups: int, kernel_size: int, dilation: int, offset_scale: float, remove_center: bool | int
) -> DeformConvSpec:
    """The spec of a square kernel whose output has its input's height and width.

    Raises:
      ValueError: an even kernel size, which has no centre, or what `DeformConvSpec` does not take.
    """
    if kernel_size % 2 == 0:
        raise ValueError(f"kernel_size: found {kernel_size}, expected an odd number")
    padding = dilation * (kernel_size // 2)
    pairs = ((number, number) for number in (kernel_size, 1, padding, dilation))
    return DeformConvSpec(groups, *pairs, offset_scale, remove_center)


def offset_mask_width(spec: DeformConvSpec) -> int:
    """Outputs of the layer that gives offsets and mask: what is read, padded to a multiple of 8 as in the official module."""
    return -(-spec.offset_mask_channels // 8) * 8


def sample(
    spec: DeformConvSpec,
    implementation: str,
    value: Float[Array, "n h w c"],
    offset_mask: Float[Array, "n h w m"],
    center_feature_scale: Callable[[Float[Array, "n h w c"]], Float[Array, "n h w g"]] | None,
) -> Float[Array, "n h w c"]:
    """The operator, its output blended with `value` by a gate for each group, which `center_feature_scale` gives as a logit."""
    sampled = deform_conv(value, offset_mask, **vars(spec), implementation=implementation)
    if center_feature_scale is None:
        return sampled
    gate = jnp.repeat(jax.nn.sigmoid(center_feature_scale(sampled)), value.shape[-1] // spec.groups, axis=-1)
    return sampled * (1 - gate) + value * gate
