"""DCNv4: the module against the official one's semantics in plain PyTorch, the operator against arrays of the official kernel."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from dcnv4_jax import deform_conv
from lpasrn_jax.models.deform import DCNv4
from lpasrn_jax.weights.torch_names import dcnv4_names
from parity import compare, reference_dcnv4

FEATURES = np.random.default_rng(2).normal(size=(2, 9, 13, 24)).astype(np.float32)
OPTIONS = {  # (PyTorch's arguments, Flax's arguments)
    "DCNv4 module": ({}, {}),
    "DCNv4 module, all options": (
        {"offset_scale": 1.5, "dw_kernel_size": 3, "center_feature_scale": True, "remove_center": True},
        {"offset_scale": 1.5, "depthwise_kernel": 3, "center_feature_scale": True, "remove_center": True},
    ),
    "DCNv4 module, 5x5": ({"kernel_size": 5}, {"kernel_size": 5}),
}


@pytest.mark.parametrize("options", OPTIONS)
def test_module_equals_the_official_semantics(options, check):
    torch_arguments, flax_arguments = OPTIONS[options]
    reference = reference_dcnv4.DCNv4ChannelsFirst(channels=24, group=3, **torch_arguments)
    compare.randomise(reference, seed=4, offsets=2.0)
    names = dcnv4_names("", "", "dw_kernel_size" in torch_arguments, "center_feature_scale" in torch_arguments)
    check(options, compare.compare(reference, DCNv4(groups=3, **flax_arguments), names, FEATURES, compare.layer_points(names)))


GOLDEN = sorted((pathlib.Path(__file__).parent / "golden").glob("*.npz"))


@pytest.mark.skipif(not GOLDEN, reason="parity/golden holds no arrays of the official CUDA kernel")
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_operator_equals_the_official_kernel(path):
    golden = np.load(path)
    settings = {name: golden[name].item() for name in ("groups", "offset_scale", "remove_center")}
    actual = deform_conv(golden["value"], golden["offset_mask"], implementation="xla", **settings)
    np.testing.assert_allclose(actual, golden["output"], rtol=1e-5, atol=1e-5)
