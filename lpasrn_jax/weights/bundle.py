"""The form in which weights travel: `NAME.safetensors` with the parameters, `NAME.json` beside it, the card.

The card says what the parameters are of: `config` has the sections of the config that made them, among them those that a
`PlateModel` is made from, with the plate format and the image sizes; `about` has whatever else a user should know, such as the
source or the calibration of the probabilities. No code is ever stored, nor run on loading.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError

from lpasrn_jax.errors import UserError
from lpasrn_jax.models.plate_model import PlateModel
from lpasrn_jax.weights.card import MAX_CARD_BYTES, check_card
from lpasrn_jax.weights.tensors import MAX_BYTES, check_tensors

FORMAT = "lpasrn_jax weights 1"


class Calibration(NamedTuple):
    """Calibration of the networks' probabilities, fitted on validation plates and stored with the weights.

    Attributes:
      temperature: T > 0 by which a single image's log-probabilities are divided (Guo et al. 2017, arXiv 1706.04599).
      frame_correlation: rho in [0, 1], how much of what the frames of a track say all of them say: with 0 each is a witness of
        its own, with 1 several are worth no more than one.
    """

    temperature: float = 1.0
    frame_correlation: float = 0.0


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A model: parameters and what they are of.

    Attributes:
      params: by network name (`generator`, `ocr`, `embedder`), float32.
      config: the sections of the config that made them, those of `models.plate_model.default_config` among them.
      about: what else a user should know, such as `source`, or the fields of a `Calibration`.
    """

    params: dict[str, Any]
    config: dict[str, Any]
    about: dict[str, Any]

    @functools.cached_property
    def model(self) -> PlateModel:
        """The networks that the parameters are of."""
        return PlateModel.from_config(self.config, sorted(self.params))

    @property
    def calibration(self) -> Calibration | None:
        """Found with these weights, if it was."""
        if not self.about.keys() & {*Calibration._fields}:
            return None
        return Calibration(**{name: self.about[name] for name in Calibration._fields if name in self.about})


def save_bundle(path: str | os.PathLike, bundle: Bundle, *, half: bool = False) -> pathlib.Path:
    """Writes a bundle; a reader never meets half of one.

    Args:
      path: with the ending `.safetensors`, `.json` or none.
      half: store parameters in float16, for half the size; they are computed with in float32 all the same.

    Returns:
      The path of the `.safetensors` file.

    Raises:
      UserError: for a parameter that float16 cannot hold; nothing is written then.
    """
    weights, card = _paths(path)
    tensors = {key: np.asarray(value, order="C") for key, value in flatten_dict(bundle.params, sep="/").items()}
    if half:
        tensors = {key: _halved(weights, key, value) for key, value in tensors.items()}
    content = safetensors.numpy.save(tensors)
    # The card holds the digest of its weights, so an interruption between the two files is detected on loading.
    digest = hashlib.sha256(content).hexdigest()
    text = json.dumps({"format": FORMAT, "sha256": digest, "config": bundle.config, "about": bundle.about}, indent=2)
    write_atomically(weights, content)
    write_atomically(card, text.encode() + b"\n")
    return weights


def add_to_card(path: str | os.PathLike, about: Mapping[str, Any]) -> None:
    """Writes more into the `about` of a bundle's card, over what has the same name; the weights stay as they are.

    Raises:
      UserError: as `load_bundle`, and for what a card cannot hold.
    """
    bundle = load_bundle(path)
    _, card = _paths(path)
    fields = json.loads(card.read_bytes())
    fields["about"] = {**fields["about"], **about}
    check_card(str(card), bundle.config, fields["about"], bundle.params)
    write_atomically(card, (json.dumps(fields, indent=2) + "\n").encode())


def load_bundle(path: str | os.PathLike) -> Bundle:
    """Reads what `save_bundle` wrote.

    Raises:
      UserError: if a file is missing, damaged, too large, of another format, or not its partner's; see also `check_card` and
        `check_tensors`.
    """
    weights, card = _paths(path)
    for file in (weights, card):
        if not file.is_file():
            raise UserError(f"{file}: not found; a model is two files, {weights.name} and {card.name}")
    try:
        fields = json.loads(_read(card, MAX_CARD_BYTES))
        file_format, digest, config, about = (fields[name] for name in ("format", "sha256", "config", "about"))
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{card}: not a model's card ({error!r}); convert or download the model again") from error
    if file_format != FORMAT:
        raise UserError(f"{card}: format {file_format!r} found, {FORMAT!r} expected; update lpasrn_jax or convert them again")
    content = _read(weights, MAX_BYTES)
    if hashlib.sha256(content).hexdigest() != digest:
        raise UserError(f"{weights}: damaged, or not the weights that {card.name} describes; convert or download the model again")
    try:
        tensors = safetensors.numpy.load(content)
    except (SafetensorError, KeyError, ValueError) as error:  # KeyError: a type that NumPy lacks
        raise UserError(f"{weights}: not a safetensors file of NumPy's types ({error!r})") from error
    check_tensors(str(weights), tensors)
    check_card(str(card), config, about, {path.partition("/")[0] for path in tensors})
    params = {path: tensor.astype(np.float32) for path, tensor in tensors.items()}
    return Bundle(unflatten_dict(params, sep="/"), config, about)


def _halved(weights: pathlib.Path, key: str, tensor: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        half = tensor.astype(np.float16)
    if not np.isfinite(half).all():
        raise UserError(
            f"{weights}: {key} holds {np.abs(tensor).max():g}; expected at most 65504 in float16; store it in float32"
        )
    return half


def _read(path: pathlib.Path, most: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > most:
            raise UserError(f"{path}: {size} bytes found; expected at most {most}")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def write_atomically(path: pathlib.Path, content: bytes) -> None:
    """Writes a file under another name in the same folder and renames it, so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".partial-")  # of no long name's making
    try:
        with open(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)  # mkstemp's files are its owner's alone
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError):  # that of a full disk names no file
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _paths(path: str | os.PathLike) -> tuple[pathlib.Path, pathlib.Path]:
    path = pathlib.Path(path)
    if path.suffix in (".safetensors", ".json"):
        path = path.with_suffix("")
    return path.with_name(path.name + ".safetensors"), path.with_name(path.name + ".json")
