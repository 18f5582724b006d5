"""Intervals of means, against what statistics says of them."""

import numpy as np
import pytest

from lpasrn_jax.evaluation.bootstrap import bootstrap_interval


def test_independent_values_give_the_normal_interval(rng):
    values = rng.normal(size=2000)
    low, high = bootstrap_interval(values, [str(i) for i in range(2000)])
    assert (low, high) == pytest.approx((values.mean() - 1.96 / 2000**0.5, values.mean() + 1.96 / 2000**0.5), abs=0.005)


def test_frames_of_a_plate_are_not_independent(rng):
    """Five equal values a plate: the interval is that of the plates, sqrt(5) times as wide as that of the frames."""
    values = np.repeat(rng.normal(size=400), 5)
    low, high = bootstrap_interval(values, np.repeat(np.arange(400).astype(str), 5).tolist())
    narrow = bootstrap_interval(values, [str(i) for i in range(2000)])
    assert (high - low) / (narrow[1] - narrow[0]) == pytest.approx(5**0.5, rel=0.1)


def test_plates_count_by_their_frames():
    """One plate has three frames with 1, the other one with 0: the mean of both drawn once is 3 / 4."""
    assert bootstrap_interval(np.array([1.0, 1, 1, 0]), ["a", "a", "a", "b"]) == (0.0, 1.0)
    assert bootstrap_interval(np.array([2.0, 2, 2, 2]), ["a", "a", "a", "b"]) == (2.0, 2.0)


def test_the_same_seed_gives_the_same_interval(rng):
    values, plates = rng.normal(size=20), [str(i) for i in range(20)]
    assert bootstrap_interval(values, plates) == bootstrap_interval(values, plates)
    assert bootstrap_interval(values, plates) != bootstrap_interval(values, plates, seed=1)


@pytest.mark.parametrize(("values", "plates"), [([], []), ([1.0], ["a", "b"])])
def test_values_without_their_plates(values, plates):
    with pytest.raises(ValueError, match="found; expected as many of each"):
        bootstrap_interval(np.array(values), plates)
