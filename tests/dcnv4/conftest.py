"""The implementations under one calling convention, so that one suite tests them all."""

import concurrent.futures
import multiprocessing

import jax
import numpy as np
import pytest

from dcnv4_jax import available
from dcnv4_jax.api import deform_conv
from tests.dcnv4 import interpreted


@pytest.fixture(scope="session")
def interpreter():
    """A process in which Triton interprets its kernels on the CPU; here they are compiled."""
    pytest.importorskip("torch", reason="Triton's interpreter reads torch tensors")
    pytest.importorskip("triton", reason="the Triton kernels are tested through Triton's interpreter")
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context, initializer=interpreted.begin) as pool:
        yield lambda *problem: pool.submit(interpreted.run, *problem).result()


def with_gradients(implementation):
    """Output and both gradients of one implementation, as float32 arrays."""

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


@pytest.fixture(params=["xla", "cpu", "triton-interpreted", pytest.param("triton", marks=pytest.mark.gpu)])
def implementation(request):
    """`run(spec, value, offset_mask, grad)` of each implementation that this machine has."""
    if request.param == "triton-interpreted":
        return request.getfixturevalue("interpreter")
    if not (found := available()[request.param]):
        pytest.skip(found.reason)
    return with_gradients(request.param)


@pytest.fixture(params=["xla", "cpu", pytest.param("triton", marks=pytest.mark.gpu)])
def name(request):
    """Name of each implementation that this machine has, for tests of what JAX does with the operator."""
    if not (found := available()[request.param]):
        pytest.skip(found.reason)
    return request.param
