"""Everything that a training step reads and changes, as one pytree."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, Key

Params = Any


class TrainState(flax.struct.PyTreeNode):
    """
    step: optimiser steps done, int32.
    params: parameters by network name, `{"generator": ...}`.
    ema: exponential moving average of the generator's parameters; what is validated and kept as the model.
    opt_state: optax state.
    key: the run's PRNG key; a step uses `fold_in(key, step)`, so a resumed run draws what an uninterrupted one would.
    """

    step: Int[Array, ""]
    params: dict[str, Params]
    ema: Params
    opt_state: optax.OptState
    key: Key[Array, ""]


def create_state(params: dict[str, Params], optimizer: optax.GradientTransformation, seed: int) -> TrainState:
    """The state at step 0."""
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        ema=jax.tree.map(jnp.copy, params["generator"]),  # a copy: the step donates both
        opt_state=optimizer.init(params),
        key=jax.random.key(seed),
    )


def update_ema(ema: Params, params: Params, decay: float, step: Int[Array, ""]) -> Params:
    """The moving average after one more step; the first steps count more, so that the start is soon forgotten."""
    warm = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda e, p: warm * e + (1.0 - warm) * p, ema, params)
