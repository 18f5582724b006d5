"""JAX's transformations of the operator."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from dcnv4_jax import available, deform_conv

GROUPS = 2


@pytest.fixture
def arrays(rng):
    value, offset_mask = rng.standard_normal((8, 4, 5, 8), np.float32), rng.standard_normal((8, 4, 5, 56), np.float32)
    return jnp.asarray(value), jnp.asarray(offset_mask)


@pytest.fixture
def operator(name):
    return functools.partial(deform_conv, groups=GROUPS, implementation=name)


@pytest.fixture
def mesh():
    if len(jax.devices()) < 4:
        pytest.skip("needs four devices")
    return jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))


def gradients(function, *arrays):
    return jax.grad(lambda *arrays: (function(*arrays) ** 2).sum(), argnums=(0, 1))(*arrays)


def assert_same(left, right):
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=2e-5), left, right)


def test_jit(operator, arrays):
    assert_same(jax.jit(operator)(*arrays), operator(*arrays))
    assert_same(jax.jit(functools.partial(gradients, operator))(*arrays), gradients(operator, *arrays))


def test_vmap_and_grad_of_vmap(operator, arrays):
    pairs = [array.reshape(4, 2, *array.shape[1:]) for array in arrays]
    assert_same(jax.vmap(operator)(*pairs), operator(*arrays).reshape(4, 2, 4, 5, 8))
    by_pairs = gradients(jax.vmap(operator), *pairs)
    assert_same(
        [grad.reshape(array.shape) for grad, array in zip(by_pairs, arrays, strict=True)], list(gradients(operator, *arrays))
    )


def test_vmap_over_one_argument_and_nested(operator, arrays):
    value, offset_mask = arrays
    two = jnp.stack([offset_mask, offset_mask * 0.5])
    one_value = jax.vmap(operator, in_axes=(None, 0))(value, two)
    assert_same(one_value[1], operator(value, two[1]))
    nested = jax.vmap(jax.vmap(lambda v, o: operator(v[None], o[None])[0]), in_axes=(None, 0))(value, two)
    assert_same(nested, one_value)


def test_checkpoint(operator, arrays):
    assert_same(gradients(jax.checkpoint(operator), *arrays), gradients(operator, *arrays))


def test_shard_map(operator, arrays, mesh):
    by_batch = PartitionSpec("data")
    sharded = jax.jit(jax.shard_map(operator, mesh=mesh, in_specs=by_batch, out_specs=by_batch))
    assert_same(sharded(*arrays), operator(*arrays))
    assert_same(gradients(sharded, *arrays), gradients(operator, *arrays))


def test_shard_map_with_one_value_for_all(operator, arrays, mesh):
    """The gradient of an operand that all devices share is the sum over devices."""
    value, offset_mask = arrays[0][:1], arrays[1]

    def each(value, offset_mask):
        return operator(jnp.broadcast_to(value, (offset_mask.shape[0], *value.shape[1:])), offset_mask)

    split = jax.shard_map(each, mesh=mesh, in_specs=(PartitionSpec(), PartitionSpec("data")), out_specs=PartitionSpec("data"))
    assert_same(gradients(jax.jit(split), value, offset_mask), gradients(each, value, offset_mask))


def test_jit_with_shardings_splits_the_batch(operator, arrays, mesh):
    """Each device computes its own images; nothing is gathered."""
    by_batch = NamedSharding(mesh, PartitionSpec("data"))
    compiled = jax.jit(functools.partial(gradients, operator), in_shardings=by_batch).lower(*arrays).compile()
    assert "all-gather" not in compiled.as_text()
    results = compiled(*(jax.device_put(array, by_batch) for array in arrays))
    assert all(result.sharding.is_equivalent_to(by_batch, 4) for result in results)
    assert_same(results, gradients(operator, *arrays))


def test_auto_takes_the_compiled_kernels_of_the_platform(arrays):
    if not available()["cpu"] or jax.default_backend() != "cpu":
        pytest.skip("the cpu implementation is not the one to take here")
    assert "DeformConvForward" in jax.jit(functools.partial(deform_conv, groups=GROUPS)).lower(*arrays).as_text()


def test_export_of_xla(arrays):
    for platform in ("cpu", "cuda", "tpu"):
        function = jax.jit(functools.partial(deform_conv, groups=GROUPS, implementation="xla"))
        exported = jax.export.export(function, platforms=[platform])(*arrays)
        if platform == "cpu":
            restored = jax.export.deserialize(exported.serialize())
            if jax.default_backend() == "cpu":
                assert_same(restored.call(*arrays), function(*arrays))
