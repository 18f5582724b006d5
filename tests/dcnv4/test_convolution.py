"""The convolution with native kernels: the same as XLA's, under every transformation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from dcnv4_jax import cpu
from dcnv4_jax.convolution import LAYOUT, conv_general_dilated, left_to_xla

pytestmark = pytest.mark.skipif(
    bool(cpu.unavailable()) or jax.default_backend() != "cpu", reason=f"no kernels for this platform: {cpu.unavailable()}"
)
RELATIVE = 1e-5  # of the largest value: sums of up to 30 000 float32 products, in another order
KERNELS = {"ConvolutionForward", "ConvolutionWeightGradient"}


def convolve(value, weights, *, padding="SAME", function=conv_general_dilated):
    return function(value, weights, (1, 1), padding, dimension_numbers=LAYOUT)


def arrays(rng, n, h, w, i, o, kernel=(3, 3)):
    value, weights = rng.standard_normal((n, h, w, i), np.float32), rng.standard_normal((*kernel, i, o), np.float32)
    return jnp.asarray(value), jnp.asarray(weights)


def with_gradients(function):
    """Output and both gradients of half the output's square plus a constant."""

    def both(value, weights):
        output, pull = jax.vjp(function, value, weights)
        return output, *pull(output + 0.5)

    return both


def compiled(function, *arrays):
    """The program for output and gradients, and which kernels it calls."""
    lowered = jax.jit(with_gradients(function)).lower(*arrays)
    return lowered.compile(), kernels_of(lowered)


def kernels_of(lowered):
    return {name for name in KERNELS if name in lowered.as_text()}


def assert_same(found, expected):
    def close(found, expected):
        np.testing.assert_allclose(found, expected, rtol=0, atol=RELATIVE * np.abs(expected).max())

    jax.tree.map(close, found, expected)


def assert_agrees_with_xla(value, weights, padding="SAME", kernels=KERNELS):
    native, found = compiled(functools.partial(convolve, padding=padding), value, weights)
    assert found == kernels
    xla, _ = compiled(functools.partial(convolve, padding=padding, function=jax.lax.conv_general_dilated), value, weights)
    assert_same(native(value, weights), xla(value, weights))


@pytest.mark.parametrize("shape", [
    (16, 24, 72, 32, 32),  # the generator's trunk
    (2, 6, 9, 128, 48),  # several ranges of input channels
    (3, 5, 7, 3, 64),  # fewer channels than a block
    (2, 8, 6, 65, 18),  # channels that fill no block
    (1, 2, 700, 4, 3),  # lines longer than a strip
    (1, 5, 301, 18, 33),  # the same by Winograd's algorithm, with an odd number of lines and columns
    (2, 1, 1, 16, 16),  # it, for images of less than a square of outputs
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
    assert_agrees_with_xla(*arrays(rng, 2, 6, 8, 5, 20, kernel), padding)


@pytest.mark.parametrize(("inputs", "outputs", "forward", "backward"), [
    (32, 3, False, True),
    (3, 32, True, False),
    (3, 3, True, True),
    (32, 32, True, True),
])  # fmt: skip
def test_few_output_channels_of_many_inputs_are_left_to_xla(rng, inputs, outputs, forward, backward):
    """The input gradient's outputs are the inputs."""
    value, weights = arrays(rng, 1, 4, 5, inputs, outputs)
    output = jax.jit(lambda value, weights: jax.vjp(convolve, value, weights)[0]).lower(value, weights)
    assert ("ConvolutionForward" in output.as_text()) == forward
    grad = jax.jit(lambda value, weights, grad: jax.vjp(convolve, value, weights)[1](grad)[0]).lower(
        value, weights, convolve(value, weights)
    )
    assert ("transposed = true" in grad.as_text()) == backward


@pytest.mark.parametrize("shape", [(0, 4, 5, 3, 8), (2, 2, 5, 3, 8)], ids=["no image", "no output"])
def test_a_sum_of_nothing_is_zero(rng, shape):
    value, weights = arrays(rng, *shape)
    output, grad_value, grad_weights = with_gradients(functools.partial(convolve, padding="VALID"))(value, weights)
    assert output.size == 0
    np.testing.assert_array_equal(grad_value, np.zeros(value.shape))
    np.testing.assert_array_equal(grad_weights, np.zeros(weights.shape))


def test_same_bits_every_time(rng):
    value, weights = arrays(rng, 16, 12, 36, 64, 32)
    program, _ = compiled(convolve, value, weights)
    first = program(value, weights)
    for _ in range(5):
        jax.tree.map(np.testing.assert_array_equal, program(value, weights), first)


def test_an_output_that_is_not_differentiated_is_the_same(rng):
    value, weights = arrays(rng, 2, 6, 8, 8, 8)
    assert kernels_of(jax.jit(convolve).lower(value, weights)) == {"ConvolutionForward"}
    np.testing.assert_array_equal(jax.jit(convolve)(value, weights), compiled(convolve, value, weights)[0](value, weights)[0])


def test_an_image_has_the_same_bits_in_every_batch(rng):
    value, weights = arrays(rng, 5, 48, 144, 24, 48)
    together = jax.jit(convolve)(value, weights)
    for i in range(5):
        np.testing.assert_array_equal(jax.jit(convolve)(value[i : i + 1], weights)[0], together[i])


def test_what_is_left_to_xla_is_xlas_and_can_be_exported(rng):
    value, weights = arrays(rng, 2, 6, 8, 8, 8)

    def plain(value, weights):
        with left_to_xla():
            return convolve(value, weights)

    expected = jax.jit(functools.partial(convolve, function=jax.lax.conv_general_dilated))(value, weights)
    exported = jax.export.export(jax.jit(plain))(value, weights)
    assert not kernels_of(jax.jit(with_gradients(plain)).lower(value, weights))
    np.testing.assert_array_equal(exported.call(value, weights), expected)
    with pytest.raises(ValueError, match="custom call"):
        jax.export.export(jax.jit(convolve))(value, weights)


@pytest.mark.parametrize("change", [
    {"window_strides": (2, 2)},
    {"window_strides": (1, 2)},
    {"rhs_dilation": (2, 2)},
    {"lhs_dilation": (2, 1)},
    {"feature_group_count": 2},
    {"dimension_numbers": ("NHWC", "OHWI", "NHWC")},
    {"dtype": jnp.bfloat16},
], ids=str)  # fmt: skip
def test_what_the_kernels_do_not_do_is_left_to_xla(rng, change):
    dtype = change.pop("dtype", jnp.float32)
    options = dict(window_strides=(1, 1), padding=((1, 1), (1, 1)), dimension_numbers=LAYOUT) | change
    value, weights = (array.astype(dtype) for array in arrays(rng, 2, 6, 8, 8, 8))
    weights = weights[:, :, : 8 // options.get("feature_group_count", 1)]
    if options["dimension_numbers"] != LAYOUT:
        weights = weights.transpose(3, 0, 1, 2)
    program, kernels = compiled(functools.partial(conv_general_dilated, **options), value, weights)
    assert not kernels
    expected, _ = compiled(functools.partial(jax.lax.conv_general_dilated, **options), value, weights)
    jax.tree.map(np.testing.assert_array_equal, program(value, weights), expected(value, weights))


def test_without_the_kernels_xla_does_all(rng, monkeypatch):
    monkeypatch.setattr(cpu, "unavailable", lambda: "not built")
    assert not kernels_of(jax.jit(with_gradients(convolve)).lower(*arrays(rng, 2, 6, 8, 8, 8)))


def test_checkpoint(rng):
    value, weights = arrays(rng, 2, 6, 8, 8, 8)
    (again, kernels), (once, _) = compiled(jax.checkpoint(convolve), value, weights), compiled(convolve, value, weights)
    assert kernels == KERNELS
    assert_same(again(value, weights), once(value, weights))


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)], ids=str)
def test_vmap(rng, axes):
    """Over values, over weights, and over both."""
    value, weights = arrays(rng, 6, 6, 8, 5, 8)
    operands = (
        value if axes[0] is None else value.reshape(3, 2, *value.shape[1:]),
        weights if axes[1] is None else jnp.stack([weights, weights * 0.5, weights + 1]),
    )
    one_by_one, _ = compiled(convolve, *(array if axis is None else array[0] for axis, array in zip(axes, operands, strict=True)))
    expected = [
        one_by_one(*(array if axis is None else array[i] for axis, array in zip(axes, operands, strict=True))) for i in range(3)
    ]
    mapped = jax.jit(jax.vmap(with_gradients(convolve), axes))(*operands)
    assert_same(mapped, jax.tree.map(lambda *parts: jnp.stack(parts), *expected))


@pytest.fixture
def mesh():
    if len(jax.devices()) < 4:
        pytest.skip("needs four devices")
    return jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))


def test_jit_with_shardings_splits_the_batch(rng, mesh):
    """Each device computes its own images, and the weight gradients are added; nothing is gathered."""
    value, weights = arrays(rng, 8, 6, 8, 5, 8)
    by_batch, whole = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())
    program = jax.jit(with_gradients(convolve), in_shardings=(by_batch, whole)).lower(value, weights).compile()
    text = program.as_text()
    assert all(name in text for name in (*KERNELS, "all-reduce"))
    assert "all-gather" not in text
    results = program(jax.device_put(value, by_batch), jax.device_put(weights, whole))
    assert all(result.sharding.is_equivalent_to(by_batch, 4) for result in results[:2])
    assert_same(results, with_gradients(convolve)(value, weights))


@pytest.mark.parametrize("spec", [(None, "data"), (None, None, None, "data"), ()], ids=str)
def test_operands_sharded_otherwise(rng, mesh, spec):
    value, weights = arrays(rng, 2, 8, 8, 8, 8)
    placed = (
        jax.device_put(value, NamedSharding(mesh, PartitionSpec(*spec))),
        jax.device_put(weights, NamedSharding(mesh, PartitionSpec())),
    )
    assert_same(jax.jit(with_gradients(convolve))(*placed), compiled(convolve, value, weights)[0](value, weights))


def test_shard_map(rng, mesh):
    """The gradient of weights that all devices share is the sum over devices."""
    value, weights = arrays(rng, 8, 6, 8, 5, 8)
    by_batch, whole = PartitionSpec("data"), PartitionSpec()
    split = jax.shard_map(convolve, mesh=mesh, in_specs=(by_batch, whole), out_specs=by_batch)
    program, kernels = compiled(split, value, weights)
    assert kernels == KERNELS
    assert_same(program(value, weights), compiled(convolve, value, weights)[0](value, weights))
