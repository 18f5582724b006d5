"""The embedders against the same networks in PyTorch."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax.traverse_util import unflatten_dict

from lpasrn_jax.models.embedder import Embedder, ResNet18
from lpasrn_jax.weights.torch_names import Target, conv, dense, fold_batch_norm, layer, resnet18_names, same, to_flax
from parity import compare, reference_embedder

IMAGE = np.random.default_rng(7).uniform(-1, 1, (2, 47, 71, 3)).astype(np.float32)


def lightweight_names() -> dict[str, Target]:
    names = {}
    for i in range(4):
        names |= layer(f"convs.{i}", f"conv_{i}", conv, use_bias=False)
        names |= {f"norms.{i}.weight": Target(f"norm_{i}/scale", same), f"norms.{i}.bias": Target(f"norm_{i}/bias", same)}
    return names


BACKBONES = {
    "resnet18": (reference_embedder.ResNet18, 512, resnet18_names),
    "lightweight": (reference_embedder.Lightweight, 256, lightweight_names),
}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_embedder_equals_the_pytorch_one(backbone, check):
    create, channels, backbone_names = BACKBONES[backbone]
    reference = compare.randomise(reference_embedder.Embedder(create(), channels, dim=64), seed=8)
    names = {f"backbone.{key}": Target(f"backbone/{t.path}", t.layout) for key, t in backbone_names().items()}
    names |= layer("hidden", "hidden", dense) | layer("embedding", "embedding", dense)
    points = compare.layer_points(names)
    check(f"embedder, {backbone}", compare.compare(reference, Embedder(backbone, dim=64), names, IMAGE, points))


def test_folded_batch_normalisation_equals_the_original():
    reference = compare.randomise(reference_embedder.ResNet18(torch.nn.BatchNorm2d), seed=9)
    generator = torch.Generator().manual_seed(10)
    for name, statistic in reference.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            statistic.copy_(torch.rand(statistic.shape, generator=generator) + 0.5)
    with torch.no_grad():
        expected = reference(torch.from_numpy(IMAGE.transpose(0, 3, 1, 2))).numpy()
    state = {key: value.numpy() for key, value in reference.state_dict().items()}
    params = unflatten_dict(to_flax(resnet18_names(), fold_batch_norm(state)), sep="/")
    actual = ResNet18(jnp.dtype("float32")).apply({"params": params}, IMAGE)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
