"""Every implementation against the float64 oracle, forward and backward."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dcnv4_jax.spec import DeformConvSpec
from dcnv4_jax.workloads import LP_ASRN, ODD, PUBLISHED, WORKLOADS
from tests.dcnv4 import oracle

TOLERANCE = {  # of the largest value
    "float32": 1e-5,  # positions up to 100 pixels round at 4e-6
    "bfloat16": 2e-2,  # an 8-bit mantissa in what is written
    "float16": 2e-3,
}
# The oracle needs one image; more of them change nothing but the time.
SINGLE_IMAGES = [dataclasses.replace(workload, batch=1) for workload in (*LP_ASRN, *PUBLISHED) if workload.batch in (1, 64)]
LARGE = [w for i, w in enumerate(SINGLE_IMAGES) if w.value_shape not in [other.value_shape for other in SINGLE_IMAGES[:i]]]


def assert_close(results, expected, dtype, least=0.0):
    for name, result, exact in zip(("output", "grad_value", "grad_offset_mask"), results, expected, strict=True):
        scale = max(np.abs(exact).max(), least)
        error = np.abs(np.asarray(result, np.float64) - exact).max()
        assert error <= TOLERANCE[dtype] * scale, f"{name}: off by {error} where the largest value is {scale}"


def on_grid(value, offset_mask, grad):
    """Offsets in steps of 1/256, exact in every dtype: next to integers, where the gradient jumps, all agree on the side."""
    return value, (jnp.round(offset_mask.astype(jnp.float32) * 256) / 256).astype(offset_mask.dtype), grad


@pytest.mark.parametrize("workload", [*ODD, *LARGE], ids=lambda workload: workload.name)
def test_workloads(implementation, workload):
    problem = on_grid(*workload.arrays(0))
    results = implementation(workload.spec, *problem)
    assert_close(results, oracle.deform_conv(*problem, **vars(workload.spec)), "float32")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("workload", [w for w in ODD if w.name in ("stride-2", "d-5")], ids=lambda workload: workload.name)
def test_half_precision(implementation, workload, dtype):
    problem = on_grid(*workload.arrays(1, dtype))
    results = implementation(workload.spec, *problem)
    assert_close(results, oracle.deform_conv(*problem, **vars(workload.spec)), dtype)


def test_colliding_taps_add_up(implementation):
    """All taps of all pixels read one pixel, so that every gradient meets every other there."""
    spec = DeformConvSpec(2)
    h, w, d = 6, 7, 4
    value = np.random.default_rng(2).standard_normal((1, h, w, 2 * d), np.float32)
    column, row = (np.array(axis, np.float32) for axis in zip(*spec.taps, strict=True))
    qy, qx = np.mgrid[:h, :w].astype(np.float32)
    offsets = np.stack([3 - (qx[..., None] - 1 + column), 2 - (qy[..., None] - 1 + row)], axis=-1).reshape(h, w, 18)
    one_group = np.concatenate([offsets, np.ones((h, w, 9), np.float32)], axis=-1)
    offset_mask = np.concatenate([one_group, one_group], axis=-1)[None]
    grad = np.ones_like(value)
    _, grad_value, _ = implementation(spec, *(jnp.asarray(array) for array in (value, offset_mask, grad)))
    expected = np.zeros_like(value)
    expected[0, 2, 3] = h * w * 9
    np.testing.assert_array_equal(grad_value, expected)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_an_infinite_mask_gives_an_infinity_and_no_nan(implementation, bad):
    """Also where a corner's weight is zero, and where corners have both signs."""
    spec = DeformConvSpec(1)
    value, offset_mask, grad = (np.array(array) for array in WORKLOADS["d-5"].arrays(3))
    value, grad, offset_mask = value[:1], grad[:1], offset_mask[:1, ..., :27] / 4
    offset_mask[..., :18] = 0.25
    offset_mask[0, 2, 2, :18] = 0.0  # every tap on a pixel: three corners weigh nothing
    expected, _, _ = oracle.deform_conv(value, offset_mask, grad, **vars(spec))
    taps = {(2, 2): 4, (3, 3): 0}
    for (row, column), tap in taps.items():
        alone = offset_mask.copy()
        alone[..., 18:] = 0
        alone[0, row, column, 18 + tap] = 1
        sample, _, _ = oracle.deform_conv(value, alone, grad, **vars(spec))
        expected[0, row, column] = np.sign(sample[0, row, column]) * bad
        offset_mask[0, row, column, 18 + tap] = bad
    output, _, _ = implementation(spec, *(jnp.asarray(array) for array in (value, offset_mask, grad)))
    np.testing.assert_allclose(output, expected, atol=1e-5)


# Multiples of 1/4 are exact in float32, so that on borders and integers, where the gradient jumps, all agree on the side.
OFFSETS = st.one_of(
    st.integers(-40, 40).map(lambda quarter: quarter / 4),
    st.sampled_from([1e4, -1e4, 1e30, -1e30, np.inf, -np.inf, np.nan]),
)
PAIRS = {
    "kernel_size": st.sampled_from([(1, 1), (3, 3), (2, 3), (1, 4)]),
    "strides": st.sampled_from([(1, 1), (2, 1)]),
    "padding": st.sampled_from([(0, 1), (1, 1), (2, 2)]),
    "dilation": st.sampled_from([(1, 1), (1, 2)]),
}


@st.composite
def problems(draw):
    groups, d = draw(st.sampled_from([(1, 1), (2, 3), (1, 8), (1, 20)]))
    spec = DeformConvSpec(
        groups, **{name: draw(pairs) for name, pairs in PAIRS.items()}, offset_scale=draw(st.sampled_from([1.0, 0.5]))
    )
    n, h, w = draw(st.sampled_from([(1, 4, 5), (2, 5, 4), (3, 4, 8)]))
    ho, wo = spec.output_size(h, w)
    if min(ho, wo) < 1:
        spec = dataclasses.replace(spec, padding=(3, 3))
        ho, wo = spec.output_size(h, w)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    value, grad = (rng.standard_normal((n, *size, groups * d), np.float32) for size in ((h, w), (ho, wo)))
    taps = len(spec.taps)
    offsets = draw(arrays(np.float32, (n, ho, wo, groups, 2 * taps), elements=OFFSETS, fill=st.sampled_from([0.0, -0.75, 1.25])))
    mask = rng.standard_normal((n, ho, wo, groups, taps), np.float32)
    offset_mask = np.concatenate([offsets, mask], axis=-1).reshape(n, ho, wo, -1).astype(np.float32)
    return spec, *(jnp.asarray(array) for array in (value, offset_mask, grad))


DRAWS = 6
DRAWN = settings(max_examples=DRAWS, deadline=None, derandomize=True, phases=[Phase.generate])


@pytest.mark.parametrize("number", range(DRAWS))
def test_random_problems(implementation, number, random_problems):
    spec, *problem = random_problems[number]
    assert_close(implementation(spec, *problem), oracle.deform_conv(*problem, **vars(spec)), "float32", least=1.0)


@pytest.fixture(scope="module")
def random_problems():
    """The same draws for every implementation."""
    drawn = []

    @DRAWN
    @given(problems())
    def draw(problem):
        drawn.append(problem)

    draw()
    return drawn
