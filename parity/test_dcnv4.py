"""DCNv4: the layer against the official module written in plain PyTorch, the operator against arrays of the official kernels."""

from __future__ import annotations

import argparse
import pathlib
import re

import jax
import numpy as np
import pytest
import torch
from flax import nnx

from dcnv4_jax import available, bench, golden, gpu_check, official
from dcnv4_jax.linen import DCNv4
from dcnv4_jax.nnx import DCNv4 as NNXDCNv4
from dcnv4_jax.torch_weights import PATHS, to_flax_axes
from dcnv4_jax.workloads import WORKLOADS
from lpasrn_jax.weights.torch_names import Target
from parity import compare, reference_dcnv4
from tests.dcnv4 import implementations

FEATURES = np.random.default_rng(2).normal(size=(2, 9, 13, 24)).astype(np.float32)
OPTIONS = {  # (PyTorch's arguments, Flax's arguments)
    "DCNv4 module": ({}, {}),
    "DCNv4 module, all options": (
        {"offset_scale": 1.5, "dw_kernel_size": 3, "center_feature_scale": True, "remove_center": True, "output_bias": False},
        {"offset_scale": 1.5, "depthwise_kernel": 3, "center_feature_scale": True, "remove_center": True, "output_bias": False},
    ),
    "DCNv4 module, 5x5": ({"kernel_size": 5}, {"kernel_size": 5}),
    "DCNv4 module, no projections, dilation 2": (
        {"dilation": 2, "center_feature_scale": True, "without_pointwise": True},
        {"dilation": 2, "center_feature_scale": True, "pointwise": False},
    ),
}


@pytest.mark.parametrize("options", OPTIONS)
def test_module_equals_the_official_semantics(options, check):
    torch_arguments, flax_arguments = OPTIONS[options]
    reference = reference_dcnv4.DCNv4ChannelsFirst(channels=24, group=3, **torch_arguments)
    compare.randomise(reference, seed=4, offsets=2.0)
    names = {key: Target(PATHS[key], to_flax_axes) for key in reference.state_dict()}
    check(options, compare.compare(reference, DCNv4(groups=3, **flax_arguments), names, FEATURES, compare.layer_points(names)))


def test_the_readme_moves_an_official_layer_over(tmp_path, monkeypatch):
    """Its last example, on a checkpoint that holds a layer like the official one among others."""
    readme = pathlib.Path(__file__).parents[1] / "kernels/README.md"
    example = re.findall(r"```python\n(.*?)```", readme.read_text(), flags=re.DOTALL)[-1]
    reference = compare.randomise(reference_dcnv4.DCNv4(channels=24, group=4), seed=4, offsets=2.0)
    state = {f"levels.0.blocks.0.dcn.{key}": tensor for key, tensor in reference.state_dict().items()}
    torch.save({"model": {**state, "levels.0.blocks.0.norm1.weight": torch.ones(24)}}, tmp_path / "checkpoint.pth")
    monkeypatch.chdir(tmp_path)
    names = {"image": FEATURES}
    exec(example, names)
    with torch.no_grad():
        expected = reference(torch.from_numpy(FEATURES)).numpy()
    np.testing.assert_allclose(names["output"], expected, atol=1e-5)
    module = NNXDCNv4(24, groups=4, rngs=nnx.Rngs(0))
    nnx.update(module, names["params"])
    np.testing.assert_allclose(module(FEATURES), expected, atol=1e-5)


GOLDEN = sorted((pathlib.Path(__file__).parent / "golden").glob("*.npz"))
CASES = [case for path in GOLDEN for case in golden.read_cases(path)]
ALLOWED = 1e-5  # of the largest value; positions of a few pixels round at 1e-6


@pytest.fixture(scope="module", params=["xla", "cpu", "triton"])
def implementation(request):
    """Name and `run(spec, value, offset_mask, grad)` of each implementation; Triton's kernels run through its interpreter."""
    if request.param == "triton":
        with implementations.interpreter() as run:
            yield request.param, run
        return
    if not (availability := available()[request.param]):
        pytest.skip(availability.reason)
    yield request.param, implementations.compiled(request.param)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_operator_equals_the_official_kernels(case, implementation, golden_table):
    name, run = implementation
    errors = golden.largest_errors(run(case.spec, *case.inputs), case.results)
    golden_table[case.name, name] = errors
    assert all(error <= ALLOWED for error in errors.values()), errors


def test_the_golden_arrays_are_those_of_eight_problems():
    assert len({case.name for case in CASES}) >= 8
    assert {case.spec.offset_scale for case in CASES} >= {0.7, 1.0, 1.5}
    assert {case.spec.remove_center for case in CASES} == {True, False}


@pytest.mark.parametrize("spoilt", golden.RESULTS)
def test_a_difference_from_the_golden_arrays_is_seen(spoilt):
    case = CASES[0]
    ours = {name: result.copy() for name, result in zip(golden.RESULTS, case.results, strict=True)}
    ours[spoilt].flat[-1] += 1e-4 * np.abs(ours[spoilt]).max()
    wrong = {name for name, error in golden.largest_errors(ours.values(), case.results).items() if not error <= ALLOWED}
    assert wrong == {spoilt}


def test_what_a_gpu_computes_is_recorded_in_the_same_form(tmp_path, monkeypatch):
    """`gpu_check` on a machine with the official package, for which a stand-in computes."""

    def stand_in(workload, direction, *problem):
        results = bench.run(workload.spec, direction, "xla", *problem)
        return lambda: jax.tree.map(lambda array: torch.from_numpy(np.array(array)), results)

    monkeypatch.setattr(official, "unavailable", lambda workload: "")
    monkeypatch.setattr(official, "bind", stand_in)
    monkeypatch.setattr(gpu_check, "GOLDEN", ("kernel-2x2",))  # quick to compile
    gpu_check.write_golden(argparse.Namespace(out=tmp_path))
    (case,) = golden.read_cases(tmp_path / "golden/dcnv4_official_gpu.npz")
    assert case.spec == WORKLOADS["kernel-2x2"].spec
    errors = golden.largest_errors(implementations.compiled("xla")(case.spec, *case.inputs), case.results)
    assert max(errors.values()) <= ALLOWED
