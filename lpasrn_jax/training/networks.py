"""The networks of a stage, by name, from its config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from lpasrn_jax.errors import UserError
from lpasrn_jax.models import create_embedder, create_generator, create_ocr
from lpasrn_jax.plates import PlateFormat

Networks = dict[str, nn.Module]


def _ocr(config: ml_collections.ConfigDict) -> nn.Module:
    return create_ocr(config.model.ocr, PlateFormat.create(config.plates.alphabet, config.plates.layouts), config.model.dtype)


def _embedder(config: ml_collections.ConfigDict) -> nn.Module:
    backbone = "lightweight" if config.loss.use_lightweight_embedder else "resnet18"
    return create_embedder({"backbone": backbone, "dim": config.loss.embedding_dim}, config.model.dtype)


NETWORKS: dict[str, Callable[[ml_collections.ConfigDict], nn.Module]] = {
    "generator": lambda config: create_generator(config.model),
    "ocr": _ocr,
    "embedder": _embedder,
}


def create_networks(config: ml_collections.ConfigDict) -> Networks:
    """The networks that `stage.networks` names.

    Raises:
      UserError: for an unknown name.
    """
    for name in config.stage.networks:
        if name not in NETWORKS:
            raise UserError(f"stage.networks: {name!r} found; expected some of {', '.join(NETWORKS)}")
    return {name: NETWORKS[name](config) for name in config.stage.networks}


def random_params(networks: Networks, config: ml_collections.ConfigDict) -> dict[str, Any]:
    """New parameters of each network; a network's own do not depend on which others there are."""
    key = jax.random.key(config.seed)
    lr = jnp.zeros((1, *config.data.lr_size, 3))
    hr = jnp.zeros((1, *(size * config.model.scale for size in config.data.lr_size), 3))
    image = {"generator": lr, "ocr": hr, "embedder": hr}
    return {name: network.init(key, image[name])["params"] for name, network in networks.items()}
