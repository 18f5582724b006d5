"""Weights of PyTorch networks as parameters of ours: the LP-ASRN generator, and torchvision's ResNet-18 for the embedder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flax.traverse_util import unflatten_dict

from lpasrn_jax.errors import UserError
from lpasrn_jax.models.params import check_params
from lpasrn_jax.models.plate_model import PlateModel, default_config
from lpasrn_jax.weights.bundle import Bundle, save_bundle
from lpasrn_jax.weights.card import check_model
from lpasrn_jax.weights.torch_file import read_tensors
from lpasrn_jax.weights.torch_names import Target, fold_batch_norm, generator_names, resnet18_names, to_flax

FIRST_OF_GENERATOR, FIRST_OF_RESNET = "shallow_extractor.conv1.weight", "layer1.0.conv1.weight"

Tensors = Mapping[str, np.ndarray]


def convert(source: str | os.PathLike, destination: str | os.PathLike, msca_scales: Sequence[float] | None = None) -> Bundle:
    """Converts a file of PyTorch weights to a bundle; nothing is written unless every parameter fits.

    Args:
      source: an LP-ASRN checkpoint or torchvision's ResNet-18, as `.pth` or `.safetensors`.
      destination: where the bundle goes.
      msca_scales: the generator's scales, which no tensor tells; 1, 1/2, 1/4, ... if not given.

    Returns:
      The bundle; `about["unused"]` lists the keys of the file that have no place in our network.

    Raises:
      UserError: for a file that can't be read, or does not hold such a network whole.
    """
    tensors = read_tensors(source)
    config = default_config()
    del config["model"]["ocr"]  # neither file has one
    if FIRST_OF_GENERATOR in tensors:
        config["model"] |= infer_generator(tensors, msca_scales)
        check_model(str(source), config["model"], ["generator"])
        params, unused = import_generator(tensors, PlateModel.from_config(config, ["generator"]))
        network = {"generator": params}
    elif FIRST_OF_RESNET in tensors:
        backbone, unused = import_resnet18(tensors, PlateModel.from_config(config, ["embedder"]))
        network = {"embedder": {"backbone": backbone}}
    else:
        some = ", ".join(sorted(tensors)[:3])
        raise UserError(
            f"{source}: neither an LP-ASRN generator ({FIRST_OF_GENERATOR}) nor a ResNet-18 ({FIRST_OF_RESNET}); found {some}"
        )
    bundle = Bundle(network, config, {"source": f"converted from {os.path.basename(source)}", "unused": unused})
    save_bundle(destination, bundle)
    return bundle


def infer_generator(tensors: Tensors, msca_scales: Sequence[float] | None = None) -> dict[str, Any]:
    """What the section `model` of a config says of the generator that a `state_dict` is of, told by its keys and shapes.

    Raises:
      UserError: for deformable layers of a kind that is not known, or another number of `msca_scales` than the file has.
    """
    block = "deep_extractor.blocks.0"
    position = f"{block}.attention.pos_conv"
    kinds = {f"{position}.0.weight": False, f"{position}.offset_conv.weight": True}
    use_deformable = next((value for key, value in kinds.items() if key in tensors), None)
    if use_deformable is None:
        keys = [key for key in tensors if key.startswith(position)]
        raise UserError(f"checkpoint: attention of an unknown kind, {keys or 'no keys'} found; expected one of {list(kinds)}")
    num_scales = _count(tensors, "character_attention.detectors")
    scales = tuple(msca_scales or (0.5**s for s in range(num_scales)))
    if len(scales) != num_scales:
        raise UserError(f"msca_scales: {len(scales)} given, but the checkpoint has {num_scales}")
    # The length of a tensor, where the file has it; the other keys keep their defaults.
    lengths = {
        "features": FIRST_OF_GENERATOR,
        "growth": f"{block}.dense_layers.0.0.weight",
        "msca_num_prototypes": "character_attention.detectors.0.prototype_conv.weight",
    }
    return {name: len(np.atleast_1d(tensors[key])) for name, key in lengths.items() if key in tensors} | {
        "num_rrdb_blocks": _count(tensors, "deep_extractor.blocks"),
        "dense_layers": _count(tensors, f"{block}.dense_layers"),
        "scale": 2 if "upscaler.pre_conv.weight" in tensors else 4,
        "use_deformable": use_deformable,
        "use_dcnv4": False,
        "deform_center_offset": 1,
        "use_character_attention": num_scales > 0,
        "msca_scales": scales,
        "msca_prototype_guidance": False,
    }


def import_generator(tensors: Tensors, model: PlateModel) -> tuple[dict[str, Any], list[str]]:
    """The parameters of a generator from a `state_dict`, and the keys that it has no use for.

    Raises:
      UserError: naming every key that is missing, or of another shape.
    """
    expected = model.shapes["generator"]
    names = generator_names(model.networks["generator"])
    return _convert("LP-ASRN checkpoint", names, tensors, expected), sorted(tensors.keys() - names.keys())


def import_resnet18(tensors: Tensors, model: PlateModel) -> tuple[dict[str, Any], list[str]]:
    """Parameters for an embedder's `resnet18` backbone from torchvision's weights, and the keys that it has no use for.

    Raises:
      UserError: naming every key that is missing, or of another shape.
    """
    folded = fold_batch_norm(tensors)
    names = resnet18_names()
    expected = model.shapes["embedder"]["backbone"]
    return _convert("ResNet-18 weights", names, folded, expected), sorted(folded.keys() - names.keys())


def _convert(what: str, names: Mapping[str, Target], tensors: Tensors, expected: Any) -> dict[str, Any]:
    missing = sorted(names.keys() - tensors.keys())
    if missing:
        raise UserError(f"{what}: {len(missing)} missing keys: {', '.join(missing)}")
    for key, target in names.items():
        try:
            target.layout(tensors[key])
        except (ValueError, IndexError) as error:
            raise UserError(f"{what}: {key} has shape {tensors[key].shape}, which does not fit {target.path}") from error
    params = unflatten_dict(to_flax(names, tensors), sep="/")
    check_params(what, expected, params)
    return params


def _count(tensors: Tensors, prefix: str) -> int:
    """How many numbered modules there are below a name."""
    return len({key[len(prefix) + 1 :].split(".")[0] for key in tensors if key.startswith(f"{prefix}.")})
