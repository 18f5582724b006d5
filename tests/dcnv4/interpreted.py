"""Runs the Triton kernels through Triton's interpreter; imported by a process of its own, where nothing is compiled."""

import os

import jax
import numpy as np

from dcnv4_jax.launch import Tile, plan

# Several programs at the odd sizes, few enough for an interpreter at the larger ones.
SMALL, LARGE = Tile(block=64, num_warps=4), Tile(block=1024, num_warps=4)


def begin():
    """Chooses the interpreter: Triton reads this when it decorates a kernel."""
    os.environ["TRITON_INTERPRET"] = "1"
    jax.config.update("jax_platforms", "cpu")


def run(spec, value, offset_mask, grad):
    """Output and gradients of value and offset_mask as float32 arrays."""
    import torch

    from dcnv4_jax.triton_kernels import backward_kernel, forward_kernel

    dtype = value.dtype.name

    def tensor(array):
        return torch.from_numpy(np.array(array, np.float32)).to(getattr(torch, dtype))

    tile = SMALL if value.size < 5_000 else LARGE
    arguments = value.shape, offset_mask.shape[-1], dtype, "interpreter", tile
    value, offset_mask, grad = tensor(value), tensor(offset_mask), tensor(grad)
    output, grad_offset_mask = torch.full_like(grad, torch.nan), torch.full_like(offset_mask, torch.nan)
    grad_value = torch.zeros(value.shape, dtype=torch.float32)
    launch = plan(spec, "forward", *arguments)
    forward_kernel[launch.grid](value, offset_mask, launch.count, output, **launch.constants)
    launch = plan(spec, "backward", *arguments)
    backward_kernel[launch.grid](value, offset_mask, grad, launch.count, grad_value, grad_offset_mask, **launch.constants)
    return tuple(result.float().numpy() for result in (output, grad_value, grad_offset_mask))
