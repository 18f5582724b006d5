"""The CPU implementation: C++ kernels through the XLA FFI, threaded over XLA's own pool."""

import ctypes
import functools
import pathlib

import jax
import numpy as np
from jaxtyping import Array, Float

from dcnv4_jax.batch import BACKWARD_RULE, FORWARD_RULE, along_batch
from dcnv4_jax.spec import DeformConvSpec

LIBRARY = pathlib.Path(__file__).with_name("dcnv4_cpu.so")


@functools.cache
def unavailable() -> str:
    """Why the compiled kernels cannot run here; empty when they can. The first call loads and registers them."""
    if not LIBRARY.exists():
        return f"{LIBRARY.name} was not built: dcnv4_jax was installed without a C++ compiler; install one, then reinstall it"
    try:
        library = ctypes.CDLL(str(LIBRARY))
        for name in ("DeformConvForward", "DeformConvBackward", "ConvolutionForward", "ConvolutionWeightGradient"):
            jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(getattr(library, name)), platform="cpu")
    except Exception as error:  # the loader and XLA raise their own kinds, and none may stop `auto` from taking another
        return f"{LIBRARY} does not load into jaxlib {jax.lib.__version__}: {error}; reinstall dcnv4_jax"
    return ""


def forward(
    spec: DeformConvSpec, value: Float[Array, "n h w c"], offset_mask: Float[Array, "n ho wo m"]
) -> Float[Array, "n ho wo c"]:
    """One FFI call; float32 accumulation."""
    return along_batch(functools.partial(_forward, spec), FORWARD_RULE)(value, offset_mask)


def backward(
    spec: DeformConvSpec,
    value: Float[Array, "n h w c"],
    offset_mask: Float[Array, "n ho wo m"],
    grad: Float[Array, "n ho wo c"],
) -> tuple[Float[Array, "n h w c"], Float[Array, "n ho wo m"]]:
    """One FFI call; additions in an order that depends on the shapes alone, so the same inputs give the same bits."""
    return along_batch(functools.partial(_backward, spec), BACKWARD_RULE)(value, offset_mask, grad)


def _forward(spec, value, offset_mask):
    n, h, w, c = value.shape
    output = jax.ShapeDtypeStruct((n, *spec.output_size(h, w), c), value.dtype)
    return jax.ffi.ffi_call("DeformConvForward", output)(value, offset_mask, **_attributes(spec))


def _backward(spec, value, offset_mask, grad):
    like = tuple(jax.ShapeDtypeStruct(array.shape, array.dtype) for array in (value, offset_mask))
    return tuple(jax.ffi.ffi_call("DeformConvBackward", like)(value, offset_mask, grad, **_attributes(spec)))


def _attributes(spec: DeformConvSpec) -> dict[str, np.ndarray | np.generic]:
    columns, rows = np.array(spec.taps).T
    y_dilation, x_dilation = spec.dilation
    return {
        "groups": np.int64(spec.groups),
        "strides": np.array(spec.strides, np.int64),
        "centre": np.array(spec.centre, np.int64),
        "reach": np.array(spec.reach, np.float32),
        "tap_y": np.array(rows * y_dilation, np.float32),
        "tap_x": np.array(columns * x_dilation, np.float32),
        "offset_scale": np.float32(spec.offset_scale),
    }
