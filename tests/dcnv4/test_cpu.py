"""What only the C++ implementation promises."""

import jax
import numpy as np
import pytest

import dcnv4_jax
from dcnv4_jax import available, cpu, deform_conv
from dcnv4_jax.api import Availability
from dcnv4_jax.spec import DeformConvSpec
from dcnv4_jax.workloads import WORKLOADS


@pytest.mark.parametrize("workload", ["lp-asrn-34x62-f64-b1", "lp-asrn-24x72-f32-b8"])
def test_backward_gives_the_same_bits_twice(workload):
    if not (found := available()["cpu"]):
        pytest.skip(found.reason)
    workload = WORKLOADS[workload]
    backward = jax.jit(lambda *problem: cpu.backward(workload.spec, *problem))
    first = backward(*workload.arrays(0))
    for _ in range(5):
        jax.tree.map(np.testing.assert_array_equal, backward(*workload.arrays(0)), first)


def test_without_the_library_the_reason_is_said_and_auto_takes_xla(monkeypatch, tmp_path, rng):
    monkeypatch.setattr(dcnv4_jax, "__path__", [str(tmp_path)])
    monkeypatch.setattr(cpu, "unavailable", cpu.unavailable.__wrapped__)
    found = available()["cpu"]
    assert not found
    assert "no C++ compiler" in found.reason
    arrays = rng.standard_normal((1, 3, 3, 2), np.float32), rng.standard_normal((1, 3, 3, 27), np.float32)
    assert "custom_call" not in jax.jit(lambda v, o: deform_conv(v, o, groups=1)).lower(*arrays).as_text()
    with pytest.raises(RuntimeError, match="'cpu' is not available here.*no C\\+\\+ compiler"):
        deform_conv(*arrays, groups=1, implementation="cpu")


def test_a_library_that_does_not_load_is_absent_with_its_reason(monkeypatch, tmp_path):
    (tmp_path / "dcnv4_cpu.so").write_bytes(b"not a library")
    monkeypatch.setattr(dcnv4_jax, "__path__", [str(tmp_path)])
    assert "does not load" in cpu.unavailable.__wrapped__()


def test_available_is_true_or_says_why():
    for found in available().values():
        assert bool(found) == (found.reason == "")
    assert Availability("no compiler").reason == "no compiler"


def test_an_empty_batch():
    if not (found := available()["cpu"]):
        pytest.skip(found.reason)
    value, offset_mask, grad = (
        np.zeros((0, 3, 4, 2), np.float32),
        np.zeros((0, 3, 4, 27), np.float32),
        np.zeros((0, 3, 4, 2), np.float32),
    )
    assert cpu.forward(DeformConvSpec(1), value, offset_mask).shape == grad.shape
    by_value, by_taps = cpu.backward(DeformConvSpec(1), value, offset_mask, grad)
    assert (by_value.shape, by_taps.shape) == (value.shape, offset_mask.shape)
