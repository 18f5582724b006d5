"""Group normalisation is Flax's, with its parameters and its gradient."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.models.group_norm import EPSILON, GroupNorm
from tests.models.random_params import random_params


def pair(dtype):
    return GroupNorm(8, dtype), nn.GroupNorm(num_groups=None, group_size=8, epsilon=EPSILON, dtype=dtype)


@pytest.mark.parametrize("shape", [(3, 12, 20, 24), (1, 1, 1, 8), (2, 1, 7, 16)], ids=str)
def test_it_computes_what_flax_does(rng, shape):
    ours, flax = pair(jnp.float32)
    x = jnp.asarray(rng.normal(3.0, 2.0, shape), jnp.float32)
    params = {"params": random_params(flax, x)}
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, ours.init(jax.random.key(0), x))

    def with_gradients(module):
        output, pull = jax.vjp(module.apply, params, x)
        return output, *pull(jnp.sin(output))

    for found, expected in zip(*map(jax.tree.leaves, map(with_gradients, (ours, flax))), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_in_half_precision_the_statistics_are_in_single_precision(rng):
    ours, flax = pair(jnp.bfloat16)
    x = jnp.asarray(rng.normal(30.0, 0.5, (2, 24, 72, 16)), jnp.bfloat16)
    params = flax.init(jax.random.key(0), x)
    found = ours.apply(params, x)
    assert found.dtype == jnp.bfloat16
    np.testing.assert_allclose(found.astype(jnp.float32), flax.apply(params, x).astype(jnp.float32), rtol=0, atol=0.02)


def test_an_even_image_becomes_the_bias():
    ours, _ = pair(jnp.float32)
    x = jnp.full((1, 5, 6, 8), 0.7)
    np.testing.assert_allclose(ours.apply(ours.init(jax.random.key(0), x), x), 0.0, atol=1e-3)
