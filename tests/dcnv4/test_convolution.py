"""The convolution whose weight gradient is a native kernel: the same as XLA's under every transformation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from dcnv4_jax import cpu
from dcnv4_jax.convolution import LAYOUT, conv_general_dilated

pytestmark = pytest.mark.skipif(
    bool(cpu.unavailable()) or jax.default_backend() != "cpu",
    reason=f"no compiled kernels for this platform: {cpu.unavailable()}",
)
RELATIVE = 1e-5  # of the largest gradient: sums of up to 30 000 float32 products, in another order


def convolve(value, weights, *, strides=(1, 1), padding="SAME", function=conv_general_dilated, **options):
    return function(value, weights, strides, padding, dimension_numbers=LAYOUT, **options)


def arrays(rng, n, h, w, i, o, kernel=(3, 3)):
    value, weights = rng.standard_normal((n, h, w, i), np.float32), rng.standard_normal((*kernel, i, o), np.float32)
    return jnp.asarray(value), jnp.asarray(weights)


def gradients(function, value, weights):
    """Of a loss whose gradient at the output is not symmetric and not constant."""
    return jax.grad(lambda *arrays: jnp.square(function(*arrays) + 0.5).sum(), argnums=(0, 1))(value, weights)


def uses_the_kernel(function, *arrays) -> bool:
    return "ConvolutionWeightGradient" in jax.jit(functools.partial(gradients, function)).lower(*arrays).compile().as_text()


def assert_same(found, expected):
    def close(found, expected):
        np.testing.assert_allclose(found, expected, rtol=0, atol=RELATIVE * np.abs(expected).max())

    jax.tree.map(close, found, expected)


def assert_agrees_with_xla(value, weights, **options):
    native = functools.partial(convolve, **options)
    xla = functools.partial(convolve, function=jax.lax.conv_general_dilated, **options)
    assert uses_the_kernel(native, value, weights)
    np.testing.assert_array_equal(native(value, weights), xla(value, weights))
    assert_same(gradients(native, value, weights), gradients(xla, value, weights))


@pytest.mark.parametrize("shape", [
    (16, 24, 72, 32, 32),  # the generator's trunk
    (2, 6, 9, 128, 48),  # several ranges of input channels
    (3, 5, 7, 3, 64),  # fewer channels than a block
    (2, 8, 6, 65, 18),  # channels that fill no block
    (1, 2, 700, 4, 3),  # lines longer than a strip
    (5, 40, 30, 9, 17),  # an image of several strips, the last one smaller
    (1, 1, 1, 1, 1),
], ids=str)  # fmt: skip
def test_agrees_with_xla(rng, shape):
    assert_agrees_with_xla(*arrays(rng, *shape))


@pytest.mark.parametrize(("kernel", "padding"), [
    ((5, 5), "SAME"),
    ((1, 1), "SAME"),
    ((2, 4), "SAME"),  # one pixel more below and to the right
    ((3, 3), "VALID"),
    ((3, 3), ((3, 0), (0, 4))),  # taps that see nothing but padding
    ((3, 2), ((-1, 1), (1, -1))),  # cropped
    ((7, 3), ((9, 9), (9, 9))),
], ids=str)  # fmt: skip
def test_kernel_sizes_and_paddings(rng, kernel, padding):
    assert_agrees_with_xla(*arrays(rng, 2, 6, 8, 5, 20, kernel), padding=padding)


@pytest.mark.parametrize("shape", [(0, 4, 5, 3, 8), (2, 2, 5, 3, 8)], ids=["no image", "no output"])
def test_a_sum_of_nothing_is_zero(rng, shape):
    grads = gradients(functools.partial(convolve, padding="VALID"), *arrays(rng, *shape))
    np.testing.assert_array_equal(grads[1], np.zeros((3, 3, 3, 8)))


def test_same_bits_every_time(rng):
    value, weights = arrays(rng, 16, 12, 36, 64, 32)
    program = jax.jit(functools.partial(gradients, convolve))
    first = program(value, weights)
    for _ in range(5):
        jax.tree.map(np.testing.assert_array_equal, program(value, weights), first)


@pytest.mark.parametrize("change", [
    {"strides": (2, 2)},
    {"strides": (1, 2)},
    {"rhs_dilation": (2, 2)},
    {"lhs_dilation": (2, 1), "padding": ((1, 1), (1, 1))},
    {"feature_group_count": 2},
    {"dtype": jnp.bfloat16},
    {"dimension_numbers": ("NHWC", "OHWI", "NHWC")},
], ids=str)  # fmt: skip
def test_what_the_kernel_does_not_do_is_left_to_xla(rng, change):
    options = {"strides": (1, 1), "padding": "SAME", "dimension_numbers": LAYOUT} | change
    dtype, strides, padding = options.pop("dtype", jnp.float32), options.pop("strides"), options.pop("padding")
    value, weights = (array.astype(dtype) for array in arrays(rng, 2, 6, 8, 8, 8))
    weights = weights[:, :, : 8 // options.get("feature_group_count", 1)]
    if options["dimension_numbers"] != LAYOUT:
        weights = weights.transpose(3, 0, 1, 2)

    def gradients_of(function):
        return functools.partial(
            gradients, lambda value, weights: function(value, weights, strides, padding, **options).astype(jnp.float32)
        )

    for found, expected in zip(
        gradients_of(conv_general_dilated)(value, weights),
        gradients_of(jax.lax.conv_general_dilated)(value, weights),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)
    lowered = jax.jit(gradients_of(conv_general_dilated)).lower(value, weights)
    assert "ConvolutionWeightGradient" not in lowered.compile().as_text()


def test_without_the_compiled_kernels_xla_does_all(rng, monkeypatch):
    monkeypatch.setattr(cpu, "unavailable", lambda: "not built")
    assert not uses_the_kernel(convolve, *arrays(rng, 2, 6, 8, 8, 8))


def test_checkpoint(rng):
    value, weights = arrays(rng, 2, 6, 8, 8, 8)
    assert_same(gradients(jax.checkpoint(convolve), value, weights), gradients(convolve, value, weights))


def test_vmap(rng):
    """Over values, over weights, and over both."""
    value, weights = arrays(rng, 6, 6, 8, 5, 8)
    values, several = value.reshape(3, 2, *value.shape[1:]), jnp.stack([weights, weights * 0.5, weights + 1])
    for axes, operands in (((0, None), (values, weights)), ((None, 0), (value, several)), ((0, 0), (values, several))):
        expected = [
            gradients(convolve, *(array if axis is None else array[i] for axis, array in zip(axes, operands, strict=True)))
            for i in range(3)
        ]
        assert_same(
            jax.vmap(functools.partial(gradients, convolve), axes)(*operands),
            jax.tree.map(lambda *parts: jnp.stack(parts), *expected),
        )


@pytest.fixture
def mesh():
    if len(jax.devices()) < 4:
        pytest.skip("needs four devices")
    return jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))


def test_jit_with_shardings_splits_the_batch(rng, mesh):
    """Each device sums over its own images, and the sums are added; nothing is gathered."""
    value, weights = arrays(rng, 8, 6, 8, 5, 8)
    by_batch, whole = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())
    program = jax.jit(functools.partial(gradients, convolve), in_shardings=(by_batch, whole)).lower(value, weights).compile()
    text = program.as_text()
    assert "ConvolutionWeightGradient" in text
    assert "all-reduce" in text
    assert "all-gather" not in text
    assert_same(program(jax.device_put(value, by_batch), jax.device_put(weights, whole)), gradients(convolve, value, weights))


def test_operands_sharded_otherwise_are_gathered(rng, mesh):
    value, weights = arrays(rng, 2, 8, 8, 8, 8)
    for spec in (PartitionSpec(None, "data"), PartitionSpec(None, None, None, "data"), PartitionSpec()):
        placed = jax.device_put(value, NamedSharding(mesh, spec)), jax.device_put(weights, NamedSharding(mesh, PartitionSpec()))
        assert_same(jax.jit(functools.partial(gradients, convolve))(*placed), gradients(convolve, value, weights))


def test_shard_map(rng, mesh):
    """The gradient of weights that all devices share is the sum over devices."""
    value, weights = arrays(rng, 8, 6, 8, 5, 8)
    by_batch, whole = PartitionSpec("data"), PartitionSpec()
    split = jax.jit(jax.shard_map(convolve, mesh=mesh, in_specs=(by_batch, whole), out_specs=by_batch))
    assert uses_the_kernel(split, value, weights)
    assert_same(gradients(split, value, weights), gradients(convolve, value, weights))
