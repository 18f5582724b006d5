"""How JAX calls the Triton kernels, without a GPU: a stand-in for jax-triton checks each launch and computes it with XLA."""

import functools
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from dcnv4_jax import deform_conv, triton, xla
from dcnv4_jax.spec import DeformConvSpec

pytest.importorskip("dcnv4_jax.triton_kernels", reason="the kernels are Triton functions")

SPEC = DeformConvSpec(2, kernel_size=(1, 2), padding=(0, 1), strides=(1, 2))  # two taps: little to compile
OPERATOR = functools.partial(deform_conv, **vars(SPEC))


def launch(value, offset_mask, *others, kernel, out_type, grid, num_warps, zeroed_outputs=(), **constants):
    """Takes what `jax_triton.triton_call` takes; the kernel's constants must all be given, its outputs be its last parameters."""
    operands = [parameter.name for parameter in kernel.params if not parameter.is_constexpr]
    assert set(constants) == {parameter.name for parameter in kernel.params if parameter.is_constexpr}
    assert num_warps in (1, 2, 4, 8)
    *grad, count = others
    assert grid[0] * constants["BLOCK"] >= count == offset_mask.size // offset_mask.shape[-1] * SPEC.groups
    function = functools.partial(xla.forward, SPEC)
    if kernel.__name__ == "forward_kernel":
        assert operands == ["value", "offset_mask", "count", "output"]
        return function(value, offset_mask).astype(out_type.dtype)
    assert operands == ["value", "offset_mask", "grad", "count", "grad_value", "grad_offset_mask"]
    assert zeroed_outputs == (0,)  # grad_value, to which the kernel adds
    grads = jax.vjp(function, value, offset_mask)[1](*grad)
    return tuple(grad.astype(out.dtype) for grad, out in zip(grads, out_type, strict=True))


@pytest.fixture(autouse=True)
def jax_triton(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax_triton", types.SimpleNamespace(triton_call=launch))
    monkeypatch.setattr(triton, "unavailable", lambda: "")
    monkeypatch.setattr(triton, "device_kind", lambda: "stand-in")


@pytest.fixture
def arrays(rng):
    return tuple(jnp.asarray(rng.standard_normal((8, 3, *shape), np.float32)) for shape in ((5, 4), (3, 16)))


def gradients(implementation, *arrays):
    operator = functools.partial(OPERATOR, implementation=implementation)
    return jax.jit(jax.grad(lambda *arrays: (operator(*arrays) ** 2).sum(), argnums=(0, 1)))(*arrays)


def assert_same(left, right):
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=2e-5), left, right)


def test_gradients(arrays):
    assert_same(gradients("triton", *arrays), gradients("xla", *arrays))


def test_vmap_is_one_launch(arrays):
    single = jax.vmap(lambda v, o: gradients("triton", v[None], o[None]))(*arrays)
    assert_same([grad[:, 0] for grad in single], list(gradients("xla", *arrays)))


def test_sharded_operands_are_not_gathered(arrays):
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
    by_batch = NamedSharding(mesh, PartitionSpec("data"))
    compiled = jax.jit(functools.partial(gradients, "triton"), in_shardings=by_batch).lower(*arrays).compile()
    assert "all-gather" not in compiled.as_text()
    assert_same(compiled(*(jax.device_put(array, by_batch) for array in arrays)), gradients("xla", *arrays))
