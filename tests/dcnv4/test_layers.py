"""The Linen and the NNX layer: that they are the same layer, how they begin, and how PyTorch's parameters get into them."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import dcnv4_jax.linen
import dcnv4_jax.nnx
from dcnv4_jax.torch_weights import params_from_torch

CHANNELS = 10
OPTIONS = {
    "plain": {},
    "all": {
        "dilation": 2,
        "offset_scale": 1.5,
        "depthwise_kernel": 3,
        "center_feature_scale": True,
        "remove_center": True,
        "output_bias": False,
    },
    "no projections": {"pointwise": False, "kernel_size": 5},
}


@pytest.fixture
def features(rng):
    return jnp.asarray(rng.standard_normal((2, 5, 6, CHANNELS), np.float32))


def randomised(params, rng):
    """None is zero, as many are in a new layer."""
    return jax.tree.map(lambda parameter: 0.3 * rng.standard_normal(parameter.shape, np.float32), params)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_linen_and_nnx_are_one_layer(options, features, rng):
    linen = dcnv4_jax.linen.DCNv4(groups=5, **options)
    module = dcnv4_jax.nnx.DCNv4(CHANNELS, groups=5, **options, rngs=nnx.Rngs(0))
    params = randomised(linen.init(jax.random.key(0), features)["params"], rng)
    nnx.update(module, params)
    assert jax.tree.map(jnp.shape, nnx.to_pure_dict(nnx.state(module))) == jax.tree.map(jnp.shape, params)

    def by_linen(params):
        output = linen.apply({"params": params}, features)
        return (output**2).sum(), output

    def by_nnx(module):
        output = module(features)
        return (output**2).sum(), output

    expected, output = jax.jit(jax.grad(by_linen, has_aux=True))(params)
    found, output_nnx = nnx.jit(nnx.grad(by_nnx, has_aux=True))(module)
    np.testing.assert_allclose(output_nnx, output, atol=1e-5)
    assert output.shape == features.shape
    assert np.abs(output).max() > 0.1
    jax.tree.map(
        lambda found, expected: np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max()),
        nnx.to_pure_dict(found),
        expected,
    )


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_both_begin_alike(options, features):
    params = dcnv4_jax.linen.DCNv4(groups=5, **options).init(jax.random.key(0), features)["params"]
    module = nnx.to_pure_dict(nnx.state(dcnv4_jax.nnx.DCNv4(CHANNELS, groups=5, **options, rngs=nnx.Rngs(0))))
    # Random numbers of the same spread: 100 to 180 of them, or none.
    jax.tree.map(lambda p, q: np.testing.assert_allclose(np.std(p), np.std(q), rtol=0.3), params, module)


def test_a_new_layer_gives_its_bias(features):
    module = dcnv4_jax.linen.DCNv4(groups=5)
    params = module.init(jax.random.key(0), features)["params"]
    bias = jnp.arange(float(CHANNELS))
    params["output_proj"]["bias"] = bias
    np.testing.assert_allclose(module.apply({"params": params}, features), jnp.broadcast_to(bias, features.shape))


def test_offsets_are_padded_to_a_multiple_of_eight(features):
    params = jax.eval_shape(dcnv4_jax.linen.DCNv4(groups=5).init, jax.random.key(0), features)["params"]
    assert params["offset_mask"]["kernel"].shape == (CHANNELS, 136)  # 3 * 9 * 5 = 135


@pytest.mark.parametrize("options", [{}, {"pointwise": False}], ids=["projections", "no projections"])
def test_half_precision_computes_and_keeps_its_parameters(options, features):
    module = dcnv4_jax.linen.DCNv4(groups=5, dtype=jnp.bfloat16, **options)
    output, variables = jax.eval_shape(module.init_with_output, jax.random.key(0), features)
    assert output.dtype == jnp.bfloat16
    assert {parameter.dtype for parameter in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


def test_an_even_kernel_is_refused(features):
    with pytest.raises(ValueError, match="^kernel_size: found 4, expected an odd number"):
        dcnv4_jax.linen.DCNv4(groups=5, kernel_size=4).init(jax.random.key(0), features)
    with pytest.raises(ValueError, match="^kernel_size: found 4, expected an odd number"):
        dcnv4_jax.nnx.DCNv4(CHANNELS, groups=5, kernel_size=4, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"other.offset_mask.weight": 0}, "found no dcn.offset_mask.weight"),
        ({"dcn.offset_mask.weight": np.zeros((136, 10)), "dcn.gamma": np.zeros(3)}, "found dcn.gamma"),
    ],
)
def test_what_is_no_dcnv4_is_refused(changed, message):
    with pytest.raises(ValueError, match=f"^state_dict: {message}, expected .* under prefix 'dcn\\.'"):
        params_from_torch(changed, prefix="dcn.")


def test_it_is_a_linen_module_among_others(features):
    """It takes its place in a Sequential, and `nn.remat` can wrap it."""
    model = nn.Sequential([nn.Dense(CHANNELS), nn.remat(dcnv4_jax.linen.DCNv4)(groups=5), nn.relu])
    assert jax.eval_shape(model.init_with_output, jax.random.key(0), features)[0].shape == features.shape
