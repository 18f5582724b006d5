"""A generator as a StableHLO program that needs neither this package nor Flax to run."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from lpasrn_jax.errors import UserError
from lpasrn_jax.models.generator import Generator
from lpasrn_jax.weights.bundle import write_atomically

TOLERANCE = 1e-4  # in [-1, 1]; a step between two of 256 grey values is 8e-3


def export_generator(generator: Generator, params: Any, height: int, width: int, platforms: Sequence[str]) -> export.Exported:
    """Exports float32 images [b, height, width, 3] in [-1, 1] -> [b, scale*height, scale*width, 3], any b, parameters inside.

    The deformable layers are exported as plain XLA operations, so that the program runs wherever XLA does.
    """
    portable = generator.clone(deform_implementation="xla")
    (batch,) = export.symbolic_shape("b")
    images = jax.ShapeDtypeStruct((batch, height, width, 3), jnp.float32)
    enhance = jax.jit(lambda images: portable.apply({"params": params}, images))
    return export.export(enhance, platforms=platforms)(images)


def write_export(
    path: str | os.PathLike, generator: Generator, params: Any, height: int, width: int, platforms: Sequence[str]
) -> float:
    """Exports a generator to a file, once the exported program is seen to give the generator's own images.

    Returns:
      The largest difference seen between the two, in [-1, 1].

    Raises:
      UserError: if they differ by more than `TOLERANCE`; nothing is written then.
    """
    exported = export_generator(generator, params, height, width, platforms)
    difference = 0.0
    for batch in (1, 3):
        images = np.random.default_rng(batch).uniform(-1, 1, (batch, height, width, 3)).astype(np.float32)
        expected = jax.jit(generator.apply)({"params": params}, images)
        difference = max(difference, float(jnp.abs(exported.call(images) - expected).max()))
    if not difference <= TOLERANCE:
        raise UserError(f"{path}: not written, for the program is {difference:.1e} away from the model, over {TOLERANCE:.0e}")
    write_atomically(pathlib.Path(path), exported.serialize())
    return difference
