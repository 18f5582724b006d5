"""The moving average of what is trained."""

import jax.numpy as jnp
import numpy as np
import optax

from lpasrn_jax.training.state import create_state, update_ema


def test_the_average_forgets_its_start_and_then_keeps_to_the_decay():
    def averaged(step):
        return float(update_ema({"w": jnp.float32(1.0)}, {"w": jnp.float32(0.0)}, 0.999, jnp.int32(step))["w"])

    np.testing.assert_allclose(averaged(0), 1 / 10, rtol=1e-6)
    np.testing.assert_allclose(averaged(90), 91 / 100, rtol=1e-6)
    np.testing.assert_allclose(averaged(10**6), 0.999, rtol=1e-6)


def test_what_equals_its_average_stays_bit_equal(rng):
    params = {"w": jnp.asarray(rng.normal(size=1000), jnp.float32)}
    np.testing.assert_array_equal(update_ema(params, params, 0.99, jnp.int32(3))["w"], params["w"])


def test_averages_are_kept_of_networks_that_are_trained_in_part_or_whole():
    params = {"generator": {"w": jnp.ones(2), "b": jnp.ones(2)}, "ocr": {"w": jnp.ones(2)}}
    trained = {"generator": {"w": True, "b": False}, "ocr": {"w": False}}
    state = create_state(params, trained, optax.sgd(0.1), num_classes=4, seed=0)
    assert list(state.ema) == ["generator"]
    averaged = state.replace(ema={"generator": {"w": jnp.zeros(2), "b": jnp.zeros(2)}}).model
    assert (float(averaged["generator"]["w"][0]), float(averaged["ocr"]["w"][0])) == (0.0, 1.0)
