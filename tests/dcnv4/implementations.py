"""Each implementation as run(spec, value, offset_mask, grad), which gives output and both gradients as float32 arrays."""

import concurrent.futures
import contextlib
import multiprocessing

import jax
import numpy as np
import pytest

from dcnv4_jax.api import deform_conv
from tests.dcnv4 import interpreted


@contextlib.contextmanager
def interpreter():
    """The Triton kernels through Triton's interpreter, in a process of its own; in this one they are compiled."""
    pytest.importorskip("torch", reason="Triton's interpreter reads torch tensors")
    pytest.importorskip("dcnv4_jax.triton_kernels", reason="the Triton kernels are tested through Triton's interpreter")
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context, initializer=interpreted.begin) as pool:
        yield lambda *problem: pool.submit(interpreted.run, *problem).result()


def compiled(implementation):
    """An implementation as JAX compiles it."""

    def run(spec, value, offset_mask, grad):
        @jax.jit
        def both(value, offset_mask, grad):
            output, pull = jax.vjp(
                lambda value, offset_mask: deform_conv(value, offset_mask, **vars(spec), implementation=implementation),
                value,
                offset_mask,
            )
            return output, *pull(grad)

        results = both(value, offset_mask, grad)
        assert [result.dtype for result in results] == [value.dtype] * 3
        return tuple(np.asarray(result, np.float32) for result in results)

    return run
