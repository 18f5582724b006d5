"""The moving average of the generator."""

import jax.numpy as jnp
import numpy as np

from lpasrn_jax.training.state import update_ema


def test_the_average_forgets_its_start_and_then_keeps_to_the_decay():
    def averaged(step):
        return float(update_ema({"w": jnp.float32(1.0)}, {"w": jnp.float32(0.0)}, 0.999, jnp.int32(step))["w"])

    np.testing.assert_allclose(averaged(0), 1 / 10)
    np.testing.assert_allclose(averaged(90), 91 / 100)
    np.testing.assert_allclose(averaged(10**6), 0.999, rtol=1e-6)
