"""The generator, whole and piece by piece, against the PyTorch one."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest
import torch

from lpasrn_jax.models.generator import Generator
from lpasrn_jax.weights.torch_names import generator_names
from parity import compare, reference_generator
from parity.compare import Point

IMAGE = np.random.default_rng(1).uniform(-1, 1, (2, 11, 19, 3)).astype(np.float32)
MSCA = {"msca_scales": (1.0, 0.5, 0.25)}
PLAIN = {"use_character_attention": False}

VARIANTS = {  # (PyTorch's arguments, Flax's arguments)
    "plain attention x2": ({"deformable": "none"}, {"use_deformable": False, **PLAIN}),
    "offset-only attention x2, grid of PyTorch": (
        {"deformable": "offsets", "shift": 1, **MSCA},
        {"use_dcnv4": False, "deform_center_offset": 1, "msca_prototype_guidance": False},
    ),
    "offset-only attention x4, true grid": (
        {"deformable": "offsets", "shift": 0, "scale": 4},
        {"use_dcnv4": False, "scale": 4, **PLAIN},
    ),
    "DCNv4 attention x2, guided MSCA": ({"deformable": "dcnv4", "guidance": True, **MSCA}, {}),
}


def points(model: Generator) -> list[Point]:
    """Each layer, and each block that combines layers."""
    result = [p for p in compare.layer_points(generator_names(model)) if "/geometry/" not in p.flax_path]
    result += [Point("shallow_extractor", "shallow"), Point("upscaler", "upscaler")]
    for i in range(model.num_rrdb_blocks):
        attention = f"deep_extractor.blocks.{i}.attention"
        result.append(Point(f"deep_extractor.blocks.{i}", f"block_{i}"))
        result.append(Point(attention, f"block_{i}/attention"))
        result.append(Point(f"{attention}.channel_attention", f"block_{i}/attention/channel"))
        result.append(Point(f"{attention}.geometrical_attention", f"block_{i}/attention/geometry"))
    if model.use_character_attention:
        result.append(Point("character_attention", "msca"))
        result += [Point(f"character_attention.detectors.{s}", f"msca/detector_{s}") for s in range(3)]
    return result


@pytest.mark.parametrize("variant", VARIANTS)
def test_generator_equals_the_pytorch_one(variant, check):
    torch_arguments, flax_arguments = VARIANTS[variant]
    blocks = 1 if "offset-only" in variant else 2  # these take long to compile
    reference = compare.randomise(reference_generator.Generator(f=32, blocks=blocks, **torch_arguments), seed=3)
    model = Generator(features=32, num_rrdb_blocks=blocks, **flax_arguments)
    check(variant, compare.compare(reference, model, generator_names(model), IMAGE, points(model)))


@pytest.mark.parametrize(
    ("published", "torch_arguments", "flax_arguments"),
    [
        (4_924_769, {"f": 64, "blocks": 16, "deformable": "none"}, {"num_rrdb_blocks": 16, "use_deformable": False, **PLAIN}),
        (4_397_572, {"f": 64, "blocks": 12, "deformable": "offsets", **MSCA}, {"use_dcnv4": False}),
        (5_660_452, {"f": 64, "blocks": 16, "deformable": "offsets", **MSCA}, {"use_dcnv4": False, "num_rrdb_blocks": 16}),
        (
            717_852,
            {"f": 32, "blocks": 4, "deformable": "offsets", **MSCA},
            {"use_dcnv4": False, "features": 32, "num_rrdb_blocks": 4},
        ),
    ],
)
def test_parameter_counts_are_the_published_ones(published, torch_arguments, flax_arguments):
    with torch.device("meta"):
        reference = reference_generator.Generator(**torch_arguments)
    assert sum(p.numel() for p in reference.parameters()) == published
    model = Generator(**flax_arguments)
    shapes = jax.eval_shape(model.init, jax.random.key(0), IMAGE)
    count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
    never_used = sum(p.numel() for name, p in reference.named_parameters() if name.endswith(".prototypes"))
    assert count + never_used == published
