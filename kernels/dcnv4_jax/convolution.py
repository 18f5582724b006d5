"""Plain convolution, whose weight gradient on a CPU is a native kernel: XLA's takes twice the processor time, in one thread."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from dcnv4_jax import cpu
from dcnv4_jax.varying import vary, varying_axes

LAYOUT = ("NHWC", "HWIO", "NHWC")
Padding = tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right)


def conv_general_dilated(
    lhs: Array,
    rhs: Array,
    window_strides,
    padding,
    lhs_dilation=None,
    rhs_dilation=None,
    dimension_numbers=None,
    feature_group_count: int = 1,
    precision=None,
) -> Array:
    """`jax.lax.conv_general_dilated`, with a faster weight gradient on a CPU for a float32 NHWC convolution of stride 1.

    Everything else is XLA's: the output, the input gradient, other arguments, other platforms, and an installation without the
    compiled kernels. The gradient agrees with XLA's to float32's accuracy, and the same arguments give the same bits. `jit`,
    `vmap`, `shard_map` and operands sharded along n work; where the kernel is used, derivatives are of reverse mode only.
    """
    numbers = jax.lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers)
    plain = (
        lhs.ndim == 4
        and lhs.dtype == rhs.dtype == jnp.float32
        and numbers == jax.lax.conv_dimension_numbers(lhs.shape, rhs.shape, LAYOUT)
        and feature_group_count == 1
        and {*window_strides, *(lhs_dilation or ()), *(rhs_dilation or ())} == {1}
    )
    if not plain or cpu.unavailable():
        return jax.lax.conv_general_dilated(
            lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, numbers, feature_group_count, precision=precision
        )
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(lhs.shape[1:3], rhs.shape[:2], window_strides, padding)
    axes = varying_axes(lhs) | varying_axes(rhs)
    return _convolve(tuple((low, high) for low, high in padding), precision, vary(lhs, axes), vary(rhs, axes))


def _xla(padding: Padding, precision, value, weights):
    return jax.lax.conv_general_dilated(value, weights, (1, 1), padding, dimension_numbers=LAYOUT, precision=precision)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _convolve(
    padding: Padding, precision, value: Float[Array, "n h w i"], weights: Float[Array, "kh kw i o"]
) -> Float[Array, "n ho wo o"]:
    return _xla(padding, precision, value, weights)


def _forward(padding, precision, value, weights):
    return _convolve(padding, precision, value, weights), (value, weights)


def _backward(padding, precision, residuals, grad):
    value, weights = residuals
    (value_grad,) = jax.linear_transpose(lambda value: _xla(padding, precision, value, weights), value)(grad)

    def by_xla(value, grad):
        return jax.linear_transpose(lambda weights: _xla(padding, precision, value, weights), weights)(grad)[0]

    def native(value, grad):
        return vary(_native(padding, weights.shape[:2], by_xla)(value, grad), varying_axes(value))

    # The platform is known only when the computation is compiled.
    return value_grad, jax.lax.platform_dependent(value, grad, cpu=native, default=by_xla)


_convolve.defvjp(_forward, _backward)


def _native(padding: Padding, kernel_size: tuple[int, int], by_xla):
    """The kernel as a function of input and output gradient, split over devices along n; `vmap` takes XLA's instead."""

    def kernel(value: Float[Array, "n h w i"], grad: Float[Array, "n ho wo o"]) -> Float[Array, "kh kw i o"]:
        shape = (*kernel_size, value.shape[-1], grad.shape[-1])
        call = jax.ffi.ffi_call("ConvolutionWeightGradient", jax.ShapeDtypeStruct(shape, value.dtype))
        (top, _), (left, _) = padding
        return call(value, grad, pad_top=np.int64(top), pad_left=np.int64(left))

    split = custom_partitioning(kernel)

    def partition(mesh, operands, result):
        spec = operands[0].sharding.spec
        axes = spec[0] if len(spec) else None
        by_batch = NamedSharding(mesh, PartitionSpec(axes))

        def each_device(value, grad):
            return kernel(value, grad) if axes is None else jax.lax.psum(kernel(value, grad), axes)

        return mesh, each_device, NamedSharding(mesh, PartitionSpec()), (by_batch, by_batch)

    split.def_partition(
        partition=partition,
        infer_sharding_from_operands=lambda mesh, operands, result: NamedSharding(mesh, PartitionSpec()),
        sharding_rule="n h w i, n p q o -> a b i o",
        need_replication_factors=tuple("hwipqoab"),
    )
    mapped = custom_vmap(split)

    @mapped.def_vmap
    def rule(axis_size, in_batched, value, grad):
        return jax.vmap(by_xla, [0 if batched else None for batched in in_batched])(value, grad), True

    return mapped
