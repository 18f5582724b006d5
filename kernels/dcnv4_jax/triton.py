"""The GPU implementation: the kernels of `triton_kernels` called through jax-triton, both imported only when used."""

import functools
import importlib
import importlib.metadata
import types
import warnings

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dcnv4_jax.batch import BACKWARD_RULE, FORWARD_RULE, along_batch
from dcnv4_jax.launch import Tile, plan
from dcnv4_jax.load_triton import load_triton
from dcnv4_jax.spec import DeformConvSpec


@functools.cache
def unavailable() -> str:
    """Why the Triton kernels cannot run here; empty when they can."""
    if jax.default_backend() != "gpu":
        return f"JAX sees no GPU: its default backend is {jax.default_backend()!r}"
    for module in ("triton", "jax_triton"):
        try:
            load_triton()  # before jax_triton, which imports it
            importlib.import_module(module)
        except Exception as error:  # a broken GPU installation raises more than ImportError
            return f"{module} cannot be imported: {error}; pip install 'dcnv4-jax[cuda]'"
    backend = getattr(importlib.import_module("jax_triton.triton_lib"), "cb", None)
    if backend is not None and not isinstance(backend, types.ModuleType):  # a stub, in place of what it could not import
        version = importlib.metadata.version("triton")
        return f"jax_triton cannot use triton {version}, which lacks what it imports; pip install 'triton>=3.7'"
    return ""


def forward(
    spec: DeformConvSpec, value: Float[Array, "n h w c"], offset_mask: Float[Array, "n ho wo m"]
) -> Float[Array, "n ho wo c"]:
    """One kernel launch."""
    return along_batch(lambda *arrays: launch_forward(spec, *arrays), FORWARD_RULE)(value, offset_mask)


def backward(
    spec: DeformConvSpec,
    value: Float[Array, "n h w c"],
    offset_mask: Float[Array, "n ho wo m"],
    grad: Float[Array, "n ho wo c"],
) -> tuple[Float[Array, "n h w c"], Float[Array, "n ho wo m"]]:
    """One kernel launch; the value gradient is added up by atomics, so its last bits differ from run to run."""
    return along_batch(lambda *arrays: launch_backward(spec, *arrays), BACKWARD_RULE)(value, offset_mask, grad)


def launch_forward(spec: DeformConvSpec, value, offset_mask, tile: Tile | None = None):
    """The forward of one device with a given tile, or the one that `choose_tile` takes."""
    import jax_triton

    from dcnv4_jax.triton_kernels import forward_kernel

    n, h, w, c = value.shape
    output = jax.ShapeDtypeStruct((n, *spec.output_size(h, w), c), value.dtype)
    launch = plan(spec, "forward", value.shape, offset_mask.shape[-1], value.dtype.name, device_kind(), tile)
    return jax_triton.triton_call(
        value,
        offset_mask,
        launch.count,
        kernel=forward_kernel,
        out_type=output,
        grid=launch.grid,
        num_warps=launch.tile.num_warps,
        **launch.constants,
    )


def launch_backward(spec: DeformConvSpec, value, offset_mask, grad, tile: Tile | None = None):
    """The backward of one device with a given tile, or the one that `choose_tile` takes."""
    import jax_triton

    from dcnv4_jax.triton_kernels import backward_kernel

    launch = plan(spec, "backward", value.shape, offset_mask.shape[-1], value.dtype.name, device_kind(), tile)
    with warnings.catch_warnings():
        # jax-triton would rather have a Ref than a zeroed output, but no Ref can be split over devices (`along_batch`).
        warnings.filterwarnings("ignore", message="zeroed_outputs", category=DeprecationWarning)
        grad_value, grad_offset_mask = jax_triton.triton_call(
            value,
            offset_mask,
            grad,
            launch.count,
            kernel=backward_kernel,
            out_type=(
                jax.ShapeDtypeStruct(value.shape, jnp.float32),
                jax.ShapeDtypeStruct(offset_mask.shape, offset_mask.dtype),
            ),
            zeroed_outputs=(0,),
            grid=launch.grid,
            num_warps=launch.tile.num_warps,
            **launch.constants,
        )
    return grad_value.astype(value.dtype), grad_offset_mask


def device_kind() -> str:
    """Name of the GPU, as the tile table knows it."""
    return jax.local_devices(backend="gpu")[0].device_kind
