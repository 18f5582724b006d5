"""Learning-rate schedules and the optimiser."""

import jax.numpy as jnp
import numpy as np
import pytest

from configs import stage1
from lpasrn_jax.errors import UserError
from lpasrn_jax.training import optim


def test_stage_1_falls_by_a_tenth_every_five_epochs():
    schedule = optim.create_schedule(stage1.get_config().stage, steps_per_epoch=10)
    rates = [float(schedule(step)) for step in (0, 49, 50, 99, 100, 299)]
    np.testing.assert_allclose(rates, [1e-4, 1e-4, 9e-5, 9e-5, 8.1e-5, 1e-4 * 0.9**5], rtol=1e-5)


def test_an_unknown_schedule_lists_the_known():
    stage = stage1.get_config().stage
    stage.schedule = "linear"
    with pytest.raises(UserError, match=r"stage\.schedule: 'linear' found; expected one of step"):
        optim.create_schedule(stage, 10)


def test_gradients_are_clipped_to_a_global_norm():
    # Adam's first moment after one step is (1 - b1) times the clipped gradient.
    optimizer = optim.create_optimizer(lambda step: 1e-3, grad_clip=1.0)
    params = {"a": jnp.zeros(3), "b": jnp.zeros(4)}
    _, state = optimizer.update({"a": jnp.full(3, 30.0), "b": jnp.full(4, 40.0)}, optimizer.init(params), params)
    mu = state[1][0].mu
    norm = float(jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in mu.values())))
    np.testing.assert_allclose(norm, 0.1, rtol=1e-5)
