"""DCNv4: the module against the official one's semantics in plain PyTorch, the operator against arrays of the official kernel."""

from __future__ import annotations

import argparse
import functools
import pathlib

import jax
import numpy as np
import pytest
import torch

from dcnv4_jax import bench, deform_conv, gpu_check, official
from dcnv4_jax.workloads import WORKLOADS
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


GOLDEN = sorted((pathlib.Path(__file__).parent / "golden").glob("*.npz"))  # from `python -m dcnv4_jax.gpu_check`
RESULTS = ("output", "grad_value", "grad_offset_mask")


def golden_errors(path: pathlib.Path) -> dict[str, float]:
    """Largest difference of the operator from a file's arrays, relative to the largest value, by `workload/result`."""
    golden = np.load(path)
    errors = {}
    for name in sorted({key.partition("/")[0] for key in golden}):
        operator = functools.partial(deform_conv, **vars(WORKLOADS[name].spec), implementation="xla")
        output, pull = jax.vjp(operator, golden[f"{name}/value"], golden[f"{name}/offset_mask"])
        for result, ours in zip(RESULTS, (output, *pull(golden[f"{name}/grad"])), strict=True):
            theirs = golden[f"{name}/{result}"]
            errors[f"{name}/{result}"] = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    return errors


@pytest.mark.skipif(not GOLDEN, reason="parity/golden holds no arrays of the official CUDA kernel")
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_operator_equals_the_official_kernel(path):
    assert max(golden_errors(path).values()) < 1e-5


@pytest.mark.parametrize("spoilt", RESULTS)
def test_a_difference_from_the_golden_arrays_is_seen(tmp_path, spoilt, monkeypatch):
    def stand_in(workload, direction, *problem):
        results = dict(zip(RESULTS, jax.tree.leaves(bench.run(workload, direction, "xla", *problem)), strict=True))
        results[spoilt] = results[spoilt] + 1e-2 * results[spoilt].max()
        torch_results = [torch.from_numpy(np.array(array)) for array in results.values()]
        return lambda: (torch_results[0], tuple(torch_results[1:]))

    monkeypatch.setattr(official, "unavailable", lambda workload: "")
    monkeypatch.setattr(official, "bind", stand_in)
    gpu_check.write_golden(argparse.Namespace(out=tmp_path))
    errors = golden_errors(tmp_path / "golden/dcnv4_official.npz")
    assert {name for name, error in errors.items() if error > 1e-5} == {f"{name}/{spoilt}" for name in gpu_check.GOLDEN}
