"""Where a stage starts. The loop first looks for its own last checkpoint; without one, what stands here decides:
the weights of `init_from`, or random ones."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax

from lpasrn_jax import runtime
from lpasrn_jax.errors import UserError
from lpasrn_jax.models.generator import Generator
from lpasrn_jax.training.state import Params, TrainState, create_state
from lpasrn_jax.weights.bundle import check_params
from lpasrn_jax.weights.load import load_weights

# How a network is computed, not what it computes: these may differ from the weights' own config.
FREE_MODEL_KEYS = ("dtype", "remat", "deform_implementation")


def initial_state(
    generator: Generator,
    optimizer: optax.GradientTransformation,
    config: ml_collections.ConfigDict,
    mesh: jax.sharding.Mesh,
    init_from: str,
) -> TrainState:
    """The state at step 0, the same on each device; `init_from` empty for random parameters.

    Raises:
      UserError: for an `init_from` that can't be read, or holds a generator of another kind.
    """

    def random_params() -> dict[str, Params]:
        image = jnp.zeros((1, *config.data.lr_size, 3))
        return {"generator": generator.init(jax.random.key(config.seed), image)["params"]}

    everywhere = runtime.replicated(mesh)
    if init_from:
        params = jax.device_put(_stored_params(config, jax.eval_shape(random_params)), everywhere)
    else:
        params = jax.jit(random_params, out_shardings=everywhere)()
    return jax.jit(lambda params: create_state(params, optimizer, config.seed), out_shardings=everywhere)(params)


def _stored_params(config: ml_collections.ConfigDict, expected: dict[str, Params]) -> dict[str, Params]:
    bundle = load_weights(config.init_from)
    missing = expected.keys() - bundle.params.keys()
    if missing:
        raise UserError(f"init_from: {config.init_from} holds {', '.join(bundle.params)}, but no {', '.join(missing)}")
    _check_same_model(config, bundle.config["model"])
    params = {name: bundle.params[name] for name in expected}
    check_params(f"init_from={config.init_from}", expected, params)
    return params


def _check_same_model(config: ml_collections.ConfigDict, stored: Mapping[str, Any]) -> None:
    """Names every override that would make the config's model the stored one."""
    mine = {name: _as_tuple(value) for name, value in config.model.items() if name not in FREE_MODEL_KEYS}
    other = {name: _as_tuple(stored[name]) for name in mine if name in stored}
    overrides = [shlex.quote(f"--config.model.{name}={value}") for name, value in other.items() if value != mine[name]]
    if overrides:
        raise UserError(f"init_from: {config.init_from} is of another model; give {' '.join(overrides)}")


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # JSON gives lists
