"""The implementations as fixtures, so that one suite tests them all."""

import pytest

from dcnv4_jax import available
from tests.dcnv4 import implementations


@pytest.fixture(scope="session")
def interpreter():
    with implementations.interpreter() as run:
        yield run


@pytest.fixture(params=["xla", "cpu", "triton-interpreted", pytest.param("triton", marks=pytest.mark.gpu)])
def implementation(request):
    """`run(spec, value, offset_mask, grad)` of each implementation that this machine has."""
    if request.param == "triton-interpreted":
        return request.getfixturevalue("interpreter")
    if not (found := available()[request.param]):
        pytest.skip(found.reason)
    return implementations.compiled(request.param)


@pytest.fixture(params=["xla", "cpu", pytest.param("triton", marks=pytest.mark.gpu)])
def name(request):
    """Name of each implementation that this machine has, for tests of what JAX does with the operator."""
    if not (found := available()[request.param]):
        pytest.skip(found.reason)
    return request.param
