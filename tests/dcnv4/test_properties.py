"""What the operator does, said without an oracle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dcnv4_jax import deform_conv

H, W, GROUPS, D = 5, 6, 2, 4
SHAPE = (2, H, W, GROUPS * D)


@pytest.fixture
def value(rng):
    return jnp.asarray(rng.standard_normal(SHAPE, np.float32))


@pytest.fixture
def random_taps(rng):
    """(dx, dy, mask), each [n, h, w, g, 9]."""
    return tuple(rng.standard_normal((2, H, W, GROUPS, 9), np.float32) for _ in range(3))


def joined(dx, dy, mask):
    offsets = np.stack([dx, dy], axis=-1).reshape(*dx.shape[:-1], -1)
    return jnp.asarray(np.concatenate([offsets, mask], axis=-1).reshape(2, H, W, -1))


@pytest.mark.parametrize(("column", "row"), [(0, 0), (1, 1), (2, 0), (0, 2)])
def test_zero_offsets_and_a_one_hot_mask_shift_the_image(name, value, column, row):
    none = np.zeros((2, H, W, GROUPS, 9), np.float32)
    mask = none.copy()
    mask[..., 3 * column + row] = 1  # columns outside, rows inside
    shifted = deform_conv(value, joined(none, none, mask), groups=GROUPS, implementation=name)
    padded = np.pad(value, ((0, 0), (1, 1), (1, 1), (0, 0)))
    np.testing.assert_array_equal(shifted, padded[:, row : row + H, column : column + W])


def test_output_scales_with_the_mask(name, value, random_taps):
    dx, dy, mask = random_taps
    once, twice = (deform_conv(value, joined(dx, dy, s * mask), groups=GROUPS, implementation=name) for s in (1, 2))
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)


def test_offset_scale_spreads_kernel_and_offsets_about_the_centre(name, value, random_taps):
    dx, dy, mask = random_taps
    column, row = np.divmod(np.arange(9), 3)
    scaled = deform_conv(value, joined(dx, dy, mask), groups=GROUPS, offset_scale=2.0, implementation=name)
    by_hand = joined(2 * dx + (column - 1), 2 * dy + (row - 1), mask)
    np.testing.assert_allclose(scaled, deform_conv(value, by_hand, groups=GROUPS, implementation=name), atol=1e-5)


def test_remove_center_equals_a_masked_centre(name, value, random_taps):
    dx, dy, mask = random_taps
    without = joined(*(np.delete(array, 4, axis=-1) for array in random_taps))
    mask = mask.copy()
    mask[..., 4] = 0
    expected = deform_conv(value, joined(dx, dy, mask), groups=GROUPS, implementation=name)
    for true in (True, 1):  # the official module passes 1
        removed = deform_conv(value, without, groups=GROUPS, remove_center=true, implementation=name)
        np.testing.assert_allclose(removed, expected, atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_stays_local(name, value, bad):
    """Only outputs whose taps touch the pixel see it, in its group alone."""
    none = np.zeros((2, H, W, GROUPS, 9), np.float32)
    spoilt = value.at[0, 0, 0, 0].set(bad)
    output = deform_conv(spoilt, joined(none, none, none + 1), groups=GROUPS, implementation=name)
    finite = np.isfinite(output)
    # With zero offsets, a tap reads its pixel and, with weight 0, the ones to the right and below.
    assert not finite[0, :2, :2, 0].any()
    finite[0, :2, :2, 0] = True
    assert finite.all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e38])
def test_an_offset_that_is_not_finite_contributes_nothing(name, value, random_taps, bad):
    dx, dy, mask = (array.copy() for array in random_taps)
    dx[0, 2, 3, 1, 5] = bad
    without = mask.copy()
    without[0, 2, 3, 1, 5] = 0

    def total(value, offset_mask):
        return (deform_conv(value, offset_mask, groups=GROUPS, implementation=name) ** 2).sum()

    loss, (by_value, by_taps) = jax.value_and_grad(total, argnums=(0, 1))(value, joined(dx, dy, mask))
    expected, (expected_by_value, _) = jax.value_and_grad(total, argnums=(0, 1))(value, joined(*random_taps[:2], without))
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    np.testing.assert_allclose(by_value, expected_by_value, atol=1e-5)
    assert np.isfinite(by_taps).all()
    assert (by_taps[0, 2, 3, [27 + 10, 27 + 11, 27 + 18 + 5]] == 0).all()


def test_a_gradient_that_is_not_finite_stays_local(name, value, random_taps):
    """A NaN gradient of one output reaches its own taps and the values that they read, nothing else."""
    dx, dy, mask = (array.copy() for array in random_taps)
    dx[0, 2, 3, 0] = 100  # no tap of this pixel and group counts
    _, pull = jax.vjp(lambda v, o: deform_conv(v, o, groups=GROUPS, implementation=name), value, joined(dx, dy, mask))
    grad = jnp.zeros(SHAPE).at[0, 2, 3, :D].set(jnp.nan)
    by_value, by_taps = pull(grad)
    assert np.isfinite(by_value).all()
    assert np.isfinite(by_taps).all()
