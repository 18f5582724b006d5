"""What only the C++ implementation promises."""

import jax
import numpy as np
import pytest

from dcnv4_jax import available, cpu
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
