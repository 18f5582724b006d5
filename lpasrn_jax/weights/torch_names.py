"""Where each PyTorch parameter goes: names and axis orders of the PyTorch networks, and of the Flax modules that hold the same.

A name table maps a PyTorch `state_dict` key to a `Target`. The tables are exact: one entry a parameter that the module has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from lpasrn_jax.errors import UserError
from lpasrn_jax.models.generator import Generator

Layout = Callable[[np.ndarray], np.ndarray]  # from PyTorch's axis order to Flax's


def same(a: np.ndarray) -> np.ndarray:
    return a


def scalar(a: np.ndarray) -> np.ndarray:
    return a.reshape(())


def conv(a: np.ndarray) -> np.ndarray:
    """OIHW -> HWIO."""
    return a.transpose(2, 3, 1, 0)


def pointwise(a: np.ndarray) -> np.ndarray:
    """A 1x1 convolution OI11 is a dense layer IO."""
    return a.reshape(a.shape[:2]).T


def dense(a: np.ndarray) -> np.ndarray:
    """OI -> IO."""
    return a.T


def taps(a: np.ndarray) -> np.ndarray:
    """OIHW -> (HWI)O, the contraction of `OffsetDeformConv`."""
    return a.transpose(2, 3, 1, 0).reshape(-1, a.shape[0])


@dataclasses.dataclass(frozen=True)
class Target:
    """A parameter's place in a Flax tree, as a path with slashes, and what brings its axes into Flax's order."""

    path: str
    layout: Layout


def layer(torch_name: str, path: str, layout: Layout, use_bias: bool = True) -> dict[str, Target]:
    """The entries of a layer with a weight and a bias."""
    names = {f"{torch_name}.weight": Target(f"{path}/kernel", layout)}
    if use_bias:
        names[f"{torch_name}.bias"] = Target(f"{path}/bias", same)
    return names


def generator_names(model: Generator) -> dict[str, Target]:
    """The name table of an LP-ASRN generator."""
    names = (
        layer("shallow_extractor.conv1", "shallow/conv_first", conv)
        | layer("shallow_extractor.conv_compressed", "shallow/conv_compressed", conv)
        | layer("shallow_extractor.conv_final", "shallow/conv_final", conv)
    )
    for i in range(model.num_rrdb_blocks):
        names |= _block(model, f"deep_extractor.blocks.{i}", f"block_{i}")
    names |= layer("deep_extractor.global_conv", "deep_conv", conv)
    if model.use_character_attention:
        names |= _character_attention(model)
    if model.scale == 2:
        names |= layer("upscaler.pre_conv", "upscaler/conv_rgb", conv)
    else:
        names |= layer("upscaler.stage1.0", "upscaler/conv_double", conv)
        names |= layer("upscaler.stage2.0", "upscaler/conv_rgb", conv)
    names |= layer("reconstruction.0", "reconstruct", conv)
    return names | {"skip_weight": Target("skip_weight", scalar)}


def _block(model: Generator, torch_name: str, path: str) -> dict[str, Target]:
    names = {}
    for j in range(model.dense_layers):
        names |= layer(f"{torch_name}.dense_layers.{j}.0", f"{path}/dense_{j}", conv)
    names |= layer(f"{torch_name}.dense_conv", f"{path}/dense_conv", conv)
    names |= layer(f"{torch_name}.local_conv", f"{path}/local_conv", conv)
    attention, path = f"{torch_name}.attention", f"{path}/attention"
    names |= layer(f"{attention}.channel_attention.fc.0", f"{path}/channel/squeeze", pointwise)
    names |= layer(f"{attention}.channel_attention.fc.2", f"{path}/channel/expand", pointwise)
    names |= layer(f"{attention}.geometrical_attention.conv_v", f"{path}/geometry/rows", pointwise)
    names |= layer(f"{attention}.geometrical_attention.conv_h", f"{path}/geometry/columns", pointwise)
    if not model.use_deformable:
        names |= layer(f"{attention}.pos_conv.0", f"{path}/position", conv)
        return names | layer(f"{attention}.final_conv", f"{path}/mask", conv)
    for torch_part, part in (("pos_conv", "position"), ("final_conv", "mask")):
        if model.use_dcnv4:
            for name in ("value_proj", "offset_mask", "output_proj"):
                names |= layer(f"{attention}.{torch_part}.{name}", f"{path}/{part}/{name}", dense)
        else:
            names |= layer(f"{attention}.{torch_part}", f"{path}/{part}/taps", taps)
            names |= layer(f"{attention}.{torch_part}.offset_conv", f"{path}/{part}/offset_conv", conv)
    return names


def _character_attention(model: Generator) -> dict[str, Target]:
    names = layer("character_attention.fusion.0", "msca/fusion", pointwise)
    names |= layer("character_attention.output_conv.0", "msca/conv_out", conv)
    for s in range(len(model.msca_scales)):
        detector = f"character_attention.detectors.{s}"
        names |= layer(f"{detector}.detector.0", f"msca/detector_{s}/hidden", pointwise)
        names |= layer(f"{detector}.detector.2", f"msca/detector_{s}/logit", pointwise)
        if model.msca_prototype_guidance:
            names |= layer(f"{detector}.prototype_conv", f"msca/detector_{s}/prototypes", conv, use_bias=False)
        head = f"character_attention.attention_heads.{s}"
        names |= layer(f"{head}.0", f"msca/attention_{s}/conv_in", conv)
        names |= layer(f"{head}.2", f"msca/attention_{s}/conv_out", conv)
    return names


def to_flax(names: Mapping[str, Target], tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tensors in PyTorch's names and layouts to Flax's paths and layouts; only those that `names` lists."""
    return {target.path: np.asarray(target.layout(tensors[key]), order="C") for key, target in names.items()}


def resnet18_names() -> dict[str, Target]:
    """The name table of torchvision's ResNet-18 without its classifier, batch normalisation folded by `fold_batch_norm`."""
    names = layer("conv1", "stem", conv, use_bias=False) | _affine("bn1", "affine_stem")
    for i in range(4):
        for j in range(2):
            torch_name, path = f"layer{i + 1}.{j}", f"stage_{i}_block_{j}"
            for part in range(2):
                names |= layer(f"{torch_name}.conv{part + 1}", f"{path}/conv_{part}", conv, use_bias=False)
                names |= _affine(f"{torch_name}.bn{part + 1}", f"{path}/affine_{part}")
        if i > 0:
            names |= layer(f"layer{i + 1}.0.downsample.0", f"stage_{i}_block_0/shortcut", pointwise, use_bias=False)
            names |= _affine(f"layer{i + 1}.0.downsample.1", f"stage_{i}_block_0/affine_shortcut")
    return names


def _affine(torch_name: str, path: str) -> dict[str, Target]:
    return {f"{torch_name}.weight": Target(f"{path}/scale", same), f"{torch_name}.bias": Target(f"{path}/bias", same)}


def fold_batch_norm(tensors: Mapping[str, np.ndarray], epsilon: float = 1e-5) -> dict[str, np.ndarray]:
    """Tensors with each batch normalisation's running statistics worked into its weight and bias.

    Raises:
      UserError: for a normalisation that is not whole, or whose variance is negative.
    """
    statistics = (".running_mean", ".running_var", ".num_batches_tracked")
    folded = {key: value for key, value in tensors.items() if not key.endswith(statistics)}
    for name in (key.removesuffix(".running_var") for key in tensors if key.endswith(".running_var")):
        parts = {part: tensors.get(f"{name}.{part}") for part in ("weight", "bias", "running_mean", "running_var")}
        shapes = {part: None if value is None else value.shape for part, value in parts.items()}
        if len(set(shapes.values())) > 1:
            raise UserError(f"{name}: a batch normalisation of shapes {shapes}; expected the same for all four")
        if (parts["running_var"] < 0).any():
            raise UserError(f"{name}: a batch normalisation of negative variance; the file is damaged")
        folded[f"{name}.weight"] = parts["weight"] / np.sqrt(parts["running_var"] + epsilon)
        folded[f"{name}.bias"] = parts["bias"] - parts["running_mean"] * folded[f"{name}.weight"]
    return folded
