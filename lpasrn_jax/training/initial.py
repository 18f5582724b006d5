"""Initial parameters of a stage without a checkpoint of its own: the weights of `init_from`, else the best of the stage before,
else random ones."""

from __future__ import annotations

import pathlib
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import ml_collections
from absl import logging
from flax.traverse_util import flatten_dict, unflatten_dict

from lpasrn_jax.errors import UserError
from lpasrn_jax.models import PlateModel
from lpasrn_jax.training.state import Params, Trained
from lpasrn_jax.weights.bundle import Bundle
from lpasrn_jax.weights.load import load_weights

# What parameters do not depend on, so that it may differ from the config of the weights: how a network is computed, what it sees
# of its image, and what finishes it.
FREE_MODEL_KEYS = ("model.dtype", "model.remat", "model.deform_implementation", "model.light_sigma", "model.median_limit")

RUN_ONCE = {"xla_backend_optimization_level": 0}  # compiles in a third of the time


class Start(NamedTuple):
    """params: by network name, on the host. lineage: the names of the stages that made them, the oldest first."""

    params: dict[str, Params]
    lineage: tuple[str, ...]


def initial_params(model: PlateModel, trained: Trained, config: ml_collections.ConfigDict, workdir: pathlib.Path) -> Start:
    """The parameters at step 0.

    A network, or part of one, that the weights lack is initialised at random if the stage trains it, which is logged.

    Raises:
      UserError: if the stage before has no checkpoint, naming the command that makes one; for an `init_from` that can't be read,
        has a network of another kind, or lacks parameters that the stage keeps frozen.
    """
    source = _source(config, workdir)
    if source is None:
        return Start(_random_params(model, config), ())
    bundle = load_weights(source)
    _check_same_model(source, model, config, bundle)
    params = _completed(source, bundle, model, trained, config)
    model.check(source, params, bundle.model.plate_format)
    return Start(params, tuple(bundle.config.get("lineage", ())))


def check_source(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
    """Raise UserError early if the stage starts from another stage that has no checkpoint."""
    _source(config, workdir)


def _source(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> str | None:
    if config.init_from:
        return config.init_from
    after = config.stage.after
    if not after.name:
        return None
    best = workdir / after.name / "best"
    if not best.exists():
        raise UserError(
            f"{best}: not found; stage {config.stage.name!r} starts from the best checkpoint of {after.name!r}. First run "
            f"`python scripts/train.py --config {after.config} --workdir {workdir}`, with this command's preset and overrides, "
            "or give --config.init_from=PATH"
        )
    return str(best)


def _check_same_model(source: str, model: PlateModel, config: ml_collections.ConfigDict, bundle: Bundle) -> None:
    """Raise UserError, naming the overrides that would make the config's networks match the stored ones."""
    mine, stored = (_flat(tree) for tree in (config.to_dict(), bundle.config))
    overrides = [
        shlex.quote(f"--config.{key}={_as_tuple(stored[key])}")
        for key in mine
        if _network_of(key) in model.networks.keys() & bundle.params.keys()
        and key in stored
        and _as_tuple(stored[key]) != _as_tuple(mine[key])
        and key not in FREE_MODEL_KEYS
    ]
    if overrides:
        raise UserError(f"{source} is of another model; give {' '.join(overrides)}")


def _network_of(key: str) -> str | None:
    """The network that a key of the config belongs to."""
    if key in ("loss.use_lightweight_embedder", "loss.embedding_dim"):
        return "embedder"
    if key.startswith("model."):
        return "ocr" if key.startswith("model.ocr.") else "generator"
    return None


def _random_params(model: PlateModel, config: ml_collections.ConfigDict) -> dict[str, Params]:
    return jax.device_get(jax.jit(model.init, compiler_options=RUN_ONCE)(jax.random.key(config.seed)))


def _completed(
    source: str, bundle: Bundle, model: PlateModel, trained: Trained, config: ml_collections.ConfigDict
) -> dict[str, Params]:
    """The stored parameters, with random ones for trained parts that are missing as a whole."""
    wanted, parts = flatten_dict(model.shapes), {path[:2] for path in flatten_dict(bundle.params)}
    trains = flatten_dict(trained)
    new = {path for path in wanted if path[:2] not in parts}
    lacking = sorted({path[0] for path in new if not trains[path]})
    if lacking:
        raise UserError(
            f"{source} holds {', '.join(sorted(bundle.params))}, but not all of {lacking[0]}, which this stage keeps frozen; "
            "give weights that have it, such as those of the stage before"
        )
    if new:
        logging.warning("%s lacks %s: random at the start", source, ", ".join(sorted({"/".join(path[:2]) for path in new})))
    stored = {path: value for path, value in flatten_dict(bundle.params).items() if path[0] in model.networks}
    random = flatten_dict(_random_params(model, config)) if new else {}
    return unflatten_dict({**{path: random[path] for path in new}, **stored})


def _flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    return flatten_dict(dict(tree), sep=".")


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # JSON gives lists
