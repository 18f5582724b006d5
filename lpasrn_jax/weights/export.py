"""What leaves a training run: the networks that read as a bundle, the generator as a StableHLO program that runs without this
package."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from lpasrn_jax.errors import UserError
from lpasrn_jax.models.params import check_params
from lpasrn_jax.models.plate_model import Params, PlateModel
from lpasrn_jax.weights.bundle import Bundle, Calibration, write_atomically

READING_NETWORKS = ("generator", "fusion", "ocr", "plate_check")
# Largest difference of an exported program from the model by what it computes in, in [-1, 1], where a step between two of 256
# grey values is 8e-3. The model's deformable layers may run other kernels than the program's, which round elsewhere.
TOLERANCES = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}  # mantissas of 24, 11 and 8 bits, through some 50 layers


def reading_bundle(bundle: Bundle, note: str) -> Bundle:
    """What reading plates needs of a model, and nothing of the run that made it, such as its folders.

    Args:
      bundle: a model with a generator, an OCR, or both.
      note: what a user should know, such as the data and the limits; goes into `about`. Empty for the model's own.

    Raises:
      UserError: for a model with neither network.
    """
    params = {name: bundle.params[name] for name in READING_NETWORKS if name in bundle.params}
    if not params:
        raise UserError(f"holds {', '.join(sorted(bundle.params))}, but no generator or OCR to export")
    config = {name: bundle.config[name] for name in ("model", "plates", "lineage") if name in bundle.config}
    config["data"] = {"lr_size": list(bundle.model.lr_size)}
    about = {name: bundle.about[name] for name in ("step", "calibrated", *Calibration._fields) if name in bundle.about}
    return Bundle(params, config, about | {"note": note or bundle.about.get("note", "")})


def mean_of(bundle: Bundle, other: Bundle, name: str, share: float = 0.5) -> Bundle:
    """A model between two, of whose networks one comes from the other by further training.

    What was learned last often costs some of what was known before, and the mean keeps more of both than either
    (Wortsman et al. 2022, arXiv 2109.01903).

    Args:
      bundle: whose card and other networks stay as they are.
      other: some of the same networks, the rest is ignored.
      name: of the other, for messages.
      share: of the other in the mean, from 0 to 1.

    Raises:
      UserError: where they share no network, a network is of another size, or the share is not from 0 to 1.
    """
    if not 0 <= share <= 1:
        raise UserError(f"--mean-share={share}: expected a number from 0 to 1")
    shared = bundle.params.keys() & other.params.keys()
    if not shared:
        raise UserError(f"--mean-with={name}: holds {', '.join(sorted(other.params))}, of which the model has none")
    for network in shared:
        check_params(f"--mean-with={name}", {network: bundle.params[network]}, {network: other.params[network]})

    def mean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (1 - share) * a + share * b

    means = {network: jax.tree.map(mean, bundle.params[network], other.params[network]) for network in shared}
    return dataclasses.replace(bundle, params=bundle.params | means)


def export_generator(model: PlateModel, params: Params, size: tuple[int, int], platforms: Sequence[str]) -> export.Exported:
    """Exports float32 images [b, *size, 3] in [-1, 1] -> `scale` times as large, any b, parameters inside.

    The deformable layers are exported as plain XLA operations, so that the program runs wherever XLA does.
    """
    portable = model.portable()
    (batch,) = export.symbolic_shape("b")
    images = jax.ShapeDtypeStruct((batch, *size, 3), jnp.float32)
    enlarge = jax.jit(lambda images: portable.enlarge(params, images))
    return export.export(enlarge, platforms=platforms)(images)


def write_export(
    path: str | os.PathLike, model: PlateModel, params: Params, size: tuple[int, int], platforms: Sequence[str]
) -> float:
    """Exports a generator to a file, once the exported program is seen to give the generator's own images.

    Args:
      size: height and width of the images that the program takes.

    Returns:
      The largest difference seen between the two, in [-1, 1].

    Raises:
      UserError: if they differ by more than `TOLERANCES` allow; nothing is written then.
    """
    exported = export_generator(model, params, size, platforms)
    difference = 0.0
    for batch in (1, 3):
        images = np.random.default_rng(batch).uniform(-1, 1, (batch, *size, 3)).astype(np.float32)
        expected = jax.jit(model.enlarge)(params, images)
        difference = max(difference, float(jnp.abs(exported.call(images) - expected).max()))
    tolerance = TOLERANCES[model.dtype]
    if not difference <= tolerance:
        raise UserError(f"{path}: not written, for the program is {difference:.1e} away from the model, over {tolerance:.0e}")
    write_atomically(pathlib.Path(path), exported.serialize())
    return difference
