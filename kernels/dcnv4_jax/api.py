"""The public operator: one function, three implementations, one custom gradient."""

import dataclasses
import functools
import warnings

import jax
from jaxtyping import Array, Float

from dcnv4_jax import cpu, triton, xla
from dcnv4_jax.spec import DeformConvSpec
from dcnv4_jax.varying import vary, varying_axes

IMPLEMENTATIONS = {"triton": triton, "cpu": cpu, "xla": xla}
NATIVE = {"cuda": "triton", "cpu": "cpu"}  # the implementation that "auto" prefers on a platform


@dataclasses.dataclass(frozen=True)
class Availability:
    """Whether an implementation can run in this process (its truth value), and if not, why (`reason`)."""

    reason: str = ""

    def __bool__(self) -> bool:
        return not self.reason


def available() -> dict[str, Availability]:
    """Says for each implementation whether it can run in this process and, where it cannot, why."""
    return {name: Availability(module.unavailable()) for name, module in IMPLEMENTATIONS.items()}


def deform_conv(
    value: Float[Array, "n h w c"],
    offset_mask: Float[Array, "n ho wo m"],
    *,
    groups: int,
    kernel_size: tuple[int, int] = (3, 3),
    strides: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    offset_scale: float = 1.0,
    remove_center: bool | int = False,
    implementation: str = "auto",
) -> Float[Array, "n ho wo c"]:
    """Deformable convolution of DCNv4: every output is a masked sum of bilinear samples at learned positions.

    With k taps (height * width of the kernel, less the centre under `remove_center`), `offset_mask` holds for each group in turn
    2k offsets in input pixels, x before y, then k mask values, used as they are, without softmax; further channels are ignored.
    Taps run over the columns of the kernel and, inside, over its rows. A tap at (i, j) of output pixel (qx, qy) samples

        x = qx * stride - padding + c - c * offset_scale + (i * dilation + dx) * offset_scale,  c = dilation * (kernel - 1) // 2

    and y likewise, bilinearly, with zeros outside. It contributes only where -1 < x < w and -1 < y < h, so an offset that is not
    finite contributes nothing and gets no gradient. Sums are float32 whatever the dtype.

    Args:
      value: float32, bfloat16 or float16; d channels for each of g groups.
      offset_mask: same dtype, m >= 3 * groups * k, at the output's height and width.
      groups: groups of channels that share offsets and mask.
      kernel_size, strides, padding, dilation: pairs (height, width).
      offset_scale: scales the kernel about its centre together with the offsets.
      remove_center: leaves the centre tap out, True or 1; kernel sizes must be odd.
      implementation: "triton", "cpu" or "xla" runs that one or raises; "auto" takes the fastest that this process has for the
        platform that the computation is compiled for, and warns once if JAX has a GPU and that is not "triton".

    Raises:
      ValueError: a shape, dtype, parameter or implementation name does not fit; names the argument, what was found and expected.
      RuntimeError: the implementation asked for is not available here; says why.

    Source: Xiong et al., "Efficient Deformable ConvNets: Rethinking Dynamic and Sparse Operator for Vision Applications", 2024.
    """
    spec = DeformConvSpec(groups, kernel_size, strides, padding, dilation, offset_scale, remove_center)
    spec.validate(value, offset_mask)
    if implementation not in ("auto", *IMPLEMENTATIONS):
        raise ValueError(f"implementation: found {implementation!r}, expected one of {['auto', *IMPLEMENTATIONS]}")
    if implementation != "auto" and (reason := IMPLEMENTATIONS[implementation].unavailable()):
        raise RuntimeError(f"implementation {implementation!r} is not available here: {reason}")
    if implementation == "auto":
        _warn_of_unused_gpu()
    axes = varying_axes(value) | varying_axes(offset_mask)
    return _deform_conv(spec, implementation, vary(value, axes), vary(offset_mask, axes))


@functools.cache  # once in a process
def _warn_of_unused_gpu() -> None:
    if jax.default_backend() == "gpu" and (reason := triton.unavailable()):
        warnings.warn(f"deform_conv takes 'xla' on the GPU, which is slow, because 'triton' cannot run: {reason}", stacklevel=3)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _deform_conv(spec, implementation, value, offset_mask):
    return _run("forward", spec, implementation, value, offset_mask)


def _forward(spec, implementation, value, offset_mask):
    return _deform_conv(spec, implementation, value, offset_mask), (value, offset_mask)


def _backward(spec, implementation, residuals, grad):
    return _run("backward", spec, implementation, *residuals, grad)


_deform_conv.defvjp(_forward, _backward)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))  # one compiled program also where the caller does not use jit
def _run(direction, spec, implementation, *arrays):
    def bind(name):
        function = getattr(IMPLEMENTATIONS[name], direction)
        return lambda *arrays: jax.tree.map(lambda result: vary(result, varying_axes(arrays[0])), function(spec, *arrays))

    if implementation != "auto":
        return bind(implementation)(*arrays)
    # The platform is known only when the computation is compiled; only that platform's branch is.
    native = {platform: bind(name) for platform, name in NATIVE.items() if not IMPLEMENTATIONS[name].unavailable()}
    return jax.lax.platform_dependent(*arrays, default=bind("xla"), **native)
