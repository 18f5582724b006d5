"""Workloads named once, for tests, benchmarks and tuning."""

import dataclasses

import jax
import numpy as np
from jaxtyping import Array, Float

from dcnv4_jax.spec import DeformConvSpec


@dataclasses.dataclass(frozen=True)
class Workload:
    """A problem size: value [batch, h, w, groups * d] under a spec."""

    name: str
    batch: int
    h: int
    w: int
    d: int
    spec: DeformConvSpec

    @property
    def value_shape(self) -> tuple[int, int, int, int]:
        return self.batch, self.h, self.w, self.spec.groups * self.d

    @property
    def offset_mask_shape(self) -> tuple[int, int, int, int]:
        """As DCNv4's projection makes it: the channels padded to a multiple of 8."""
        return self.batch, *self.spec.output_size(self.h, self.w), -(-self.spec.offset_mask_channels // 8) * 8

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        return self.batch, *self.spec.output_size(self.h, self.w), self.spec.groups * self.d

    def minimum_bytes(self, dtype: str, backward: bool) -> int:
        """Traffic if every input is read once and every output written once; forward, or forward and backward."""
        value, offset_mask, output = (
            int(np.prod(shape)) for shape in (self.value_shape, self.offset_mask_shape, self.output_shape)
        )
        elements = value + offset_mask + output
        if backward:
            elements += 2 * value + 2 * offset_mask + output  # both inputs and the output's gradient read, two gradients written
        return elements * jax.numpy.dtype(dtype).itemsize

    def arrays(
        self, seed: int, dtype: str = "float32"
    ) -> tuple[Float[Array, "n h w c"], Float[Array, "n ho wo m"], Float[Array, "n ho wo c"]]:
        """Normally distributed value, offset_mask and output gradient."""
        keys = jax.random.split(jax.random.key(seed), 3)
        shapes = (self.value_shape, self.offset_mask_shape, self.output_shape)
        value, offset_mask, grad = (jax.random.normal(key, shape, dtype) for key, shape in zip(keys, shapes, strict=True))
        return value, offset_mask, grad


# LP-ASRN at its two image sizes and widths, each at three batch sizes.
LP_ASRN = tuple(
    Workload(f"lp-asrn-{h}x{w}-f{features}-b{batch}", batch, h, w, features // 4, DeformConvSpec(4))
    for h, w in ((24, 72), (34, 62))
    for features in (32, 64)
    for batch in (1, 8, 64)
)

# The sizes for which DCNv4's authors publish times, 32 and 16 channels a group.
PUBLISHED = (
    Workload("dcnv4-56x56-c128", 64, 56, 56, 32, DeformConvSpec(4)),
    Workload("dcnv4-28x28-c256", 64, 28, 28, 32, DeformConvSpec(8)),
)

ODD = (
    Workload("stride-2", 2, 9, 8, 8, DeformConvSpec(2, strides=(2, 2))),
    Workload("dilation-2", 2, 8, 9, 8, DeformConvSpec(2, padding=(2, 2), dilation=(2, 2))),
    Workload("kernel-5x5", 1, 7, 8, 4, DeformConvSpec(2, (5, 5), padding=(2, 2))),
    Workload("kernel-3x5", 2, 6, 7, 4, DeformConvSpec(2, (3, 5), strides=(1, 2), padding=(1, 2))),
    Workload("kernel-2x2", 1, 6, 5, 16, DeformConvSpec(1, (2, 2), padding=(0, 1))),
    Workload("d-5", 2, 5, 6, 5, DeformConvSpec(3)),
    Workload("one-pixel", 2, 1, 1, 4, DeformConvSpec(2)),
    Workload("scaled-without-centre", 2, 6, 6, 4, DeformConvSpec(2, offset_scale=0.5, remove_center=True)),
)

WORKLOADS = {workload.name: workload for workload in (*LP_ASRN, *PUBLISHED, *ODD)}
