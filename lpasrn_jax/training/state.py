"""The state that a training step reads and changes, as one pytree."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

Params = Any
Trained = Any  # a tree of bool like the parameters: True for what a stage trains


class TrainState(flax.struct.PyTreeNode):
    """
    step: number of optimiser steps done, int32.
    params: parameters by network name, such as `{"generator": ..., "ocr": ...}`.
    ema: exponential moving averages of the trained networks; these are validated and kept as the model.
    opt_state: optax state.
    confusions: how often a character (row) was read as another (column) in this epoch's training SR images.
    class_weights: weight of each character in LCOFL, from the previous epoch.
    key: the run's PRNG key; a step uses `fold_in(key, step)`, so a resumed run has the same random numbers as an unbroken one.
    """

    step: Int[Array, ""]
    params: dict[str, Params]
    ema: dict[str, Params]
    opt_state: optax.OptState
    confusions: Float[Array, "v v"]
    class_weights: Float[Array, " v"]
    key: Key[Array, ""]

    @property
    def model(self) -> dict[str, Params]:
        """The parameters that are validated and kept: averages where they exist."""
        return {**self.params, **self.ema}


def create_state(
    params: dict[str, Params], trained: Trained, optimizer: optax.GradientTransformation, *, num_classes: int, seed: int
) -> TrainState:
    """The state at step 0."""
    averaged = [name for name in params if any(jax.tree.leaves(trained[name]))]
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        ema={name: jax.tree.map(jnp.copy, params[name]) for name in averaged},  # a copy: the step donates both
        opt_state=optimizer.init(params),
        confusions=jnp.zeros((num_classes, num_classes)),
        class_weights=jnp.ones(num_classes),
        key=jax.random.key(seed),
    )


def update_ema(ema: Params, params: Params, decay: float, step: Int[Array, ""]) -> Params:
    """The moving average after one more step; the first steps have more weight, so that the initial value is soon forgotten.

    A parameter that equals its average leaves it bit-equal.
    """
    warm = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda e, p: e + (1.0 - warm) * (p - e), ema, params)
