"""Plain convolution, on a CPU by native kernels: its output and its gradients."""

import contextlib
import contextvars
import functools
from collections.abc import Iterator

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

_left_to_xla = contextvars.ContextVar("left_to_xla", default=False)


@contextlib.contextmanager
def left_to_xla() -> Iterator[None]:
    """What is traced inside has XLA's convolutions alone, so that it can be exported, and runs without the kernels' library.

    A function that `jax.jit` has traced outside keeps what it has: trace another one.
    """
    token = _left_to_xla.set(True)
    try:
        yield
    finally:
        _left_to_xla.reset(token)


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
    """`jax.lax.conv_general_dilated`, which is faster on a CPU where it is float32, NHWC and of stride 1.

    There, native kernels compute the output and the gradients. They agree with XLA's to float32's accuracy, and the same
    arguments give the same bits. Everything else is left to XLA: other arguments, other platforms, `vmap`, an installation
    without the kernels, and what is traced inside `left_to_xla`. `jit`, `shard_map` and operands sharded along n work; where the
    kernels may be used, derivatives are of first order and in reverse mode only.
    """
    numbers = jax.lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers)
    plain = (
        lhs.ndim == 4
        and lhs.dtype == rhs.dtype == jnp.float32
        and numbers == jax.lax.conv_dimension_numbers(lhs.shape, rhs.shape, LAYOUT)
        and feature_group_count == 1
        and {*window_strides, *(lhs_dilation or ()), *(rhs_dilation or ())} == {1}
    )
    if not plain or _left_to_xla.get() or cpu.unavailable():
        return jax.lax.conv_general_dilated(
            lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, numbers, feature_group_count, precision=precision
        )
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(lhs.shape[1:3], rhs.shape[:2], window_strides, padding)
    axes = varying_axes(lhs) | varying_axes(rhs)
    return _convolve(tuple((low, high) for low, high in padding), precision, vary(lhs, axes), vary(rhs, axes))


def _xla(
    padding: Padding, precision, value: Float[Array, "n h w i"], weights: Float[Array, "a b i o"]
) -> Float[Array, "n p q o"]:
    return jax.lax.conv_general_dilated(value, weights, (1, 1), padding, dimension_numbers=LAYOUT, precision=precision)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _convolve(
    padding: Padding, precision, value: Float[Array, "n h w i"], weights: Float[Array, "a b i o"]
) -> Float[Array, "n p q o"]:
    (top, _), (left, _) = padding
    xla = functools.partial(_xla, padding, precision)
    rule = "n h w i, a b i o -> n p q o"
    return _faster("ConvolutionForward", xla, rule, value, weights, pad_top=top, pad_left=left, transposed=False)


def _forward(padding, precision, value, weights):
    return _convolve(padding, precision, value, weights), (value, weights)


def _backward(padding, precision, residuals, grad):
    value, weights = residuals
    (top, _), (left, _), (height, width) = *padding, weights.shape[:2]

    def value_grad(grad, weights):
        return jax.linear_transpose(lambda value: _xla(padding, precision, value, weights), value)(grad)[0]

    def weights_grad(value, grad):
        return jax.linear_transpose(lambda weights: _xla(padding, precision, value, weights), weights)(grad)[0]

    # The input gradient is a convolution of the output's, with the taps in reverse.
    reverse = dict(pad_top=height - 1 - top, pad_left=width - 1 - left, transposed=True)
    return (
        _faster("ConvolutionForward", value_grad, "n p q o, a b i o -> n h w i", grad, weights, **reverse),
        _faster(
            "ConvolutionWeightGradient", weights_grad, "n h w i, n p q o -> a b i o", value, grad, pad_top=top, pad_left=left
        ),
    )


_convolve.defvjp(_forward, _backward)


def _faster(target: str, xla, rule: str, *operands: Array, pad_top: int, pad_left: int, **attributes: bool) -> Array:
    """The kernel `target` where the computation is compiled for a CPU, if it is the faster one there; `xla` elsewhere.

    `rule` names the dimensions of operands and result, as `custom_partitioning` wants them, with the batch n first.
    """
    result = jax.eval_shape(xla, *operands)
    # The kernel has whole vectors of output channels. With 3 of them, it was the slower one from between 16 and 32 inputs on.
    if target == "ConvolutionForward" and result.shape[-1] < 8 and operands[0].shape[-1] > 16:
        return xla(*operands)

    def kernel(*operands):
        shape = (operands[0].shape[0], *result.shape[1:]) if "-> n" in rule else result.shape  # a device has a part of n
        call = jax.ffi.ffi_call(target, jax.ShapeDtypeStruct(shape, result.dtype))
        return call(*operands, pad_top=np.int64(pad_top), pad_left=np.int64(pad_left), **attributes)

    mapped = custom_vmap(_split_over_devices(kernel, rule))
    mapped.def_vmap(
        lambda size, mapped, *arrays: (jax.vmap(xla, [0 if is_mapped else None for is_mapped in mapped])(*arrays), True)
    )

    def native(*operands):
        return vary(mapped(*operands), varying_axes(operands[0]))

    return jax.lax.platform_dependent(*operands, cpu=native, default=xla)


def _split_over_devices(kernel, rule: str):
    """Each device takes its part of what has n; a result without n is the sum over devices."""
    split = custom_partitioning(kernel)
    *with_batch, result_with_batch = (dimensions.split()[0] == "n" for dimensions in rule.replace("->", ",").split(","))

    def shardings(mesh, operands):
        spec = operands[0].sharding.spec
        axes = spec[0] if len(spec) else None
        by_batch, whole = NamedSharding(mesh, PartitionSpec(axes)), NamedSharding(mesh, PartitionSpec())
        result, *operands = (by_batch if has_batch else whole for has_batch in (result_with_batch, *with_batch))
        return axes, result, tuple(operands)

    def partition(mesh, operands, result):
        axes, *placed = shardings(mesh, operands)
        if result_with_batch or axes is None:
            return mesh, kernel, *placed
        return mesh, lambda *operands: jax.lax.psum(kernel(*operands), axes), *placed

    names = dict.fromkeys(rule.replace(",", " ").replace("->", " ").split())  # in order of appearance, as Shardy asks
    split.def_partition(
        partition=partition,
        infer_sharding_from_operands=lambda mesh, operands, result: shardings(mesh, operands)[1],
        sharding_rule=rule,
        need_replication_factors=tuple(name for name in names if name != "n"),
    )
    return split
