"""Figures of confidence, worked out by hand."""

import numpy as np
import pytest

from lpasrn_jax.evaluation import calibration

CONFIDENCE = np.array([0.95, 0.85, 0.85, 0.25, 1.0])
RIGHT = np.array([True, True, False, False, True])


def test_confidence_gap():
    assert calibration.confidence_gap(CONFIDENCE, RIGHT) == pytest.approx((0.95 + 0.85 + 1.0) / 3 - (0.85 + 0.25) / 2)
    assert calibration.confidence_gap(CONFIDENCE, np.ones(5)) is None
    assert calibration.confidence_gap(CONFIDENCE, np.zeros(5)) is None


def test_reliability_and_calibration_error():
    bins = calibration.reliability(CONFIDENCE, RIGHT)
    assert bins.count.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 2, 2]  # 1.0 is in the last
    assert bins.confidence[[2, 8, 9]] == pytest.approx([0.25, 0.85, 0.975])
    assert bins.accuracy[[2, 8, 9]] == pytest.approx([0, 0.5, 1])
    assert np.isnan(bins.accuracy[0])
    expected = (1 * 0.25 + 2 * 0.35 + 2 * 0.025) / 5
    assert calibration.expected_calibration_error(CONFIDENCE, RIGHT) == pytest.approx(expected)


def test_the_calibration_error_of_chance_shrinks_with_the_readings_and_is_that_of_a_calibrated_reader(rng):
    few, many = rng.random(60), rng.random(6000)
    assert calibration.calibration_error_by_chance(few) > 5 * calibration.calibration_error_by_chance(many) > 0
    simulated = [calibration.expected_calibration_error(few, rng.random(60) < few) for _ in range(300)]
    assert calibration.calibration_error_by_chance(few) == pytest.approx(np.mean(simulated), rel=0.1)
    assert calibration.calibration_error_by_chance(np.array([0.0, 1.0, 1.0])) == 0


def test_risk_and_coverage():
    """From the top: right, right, then the two at 0.85 together, of which one is wrong, then a wrong one."""
    coverage, risk = calibration.risk_coverage(CONFIDENCE, RIGHT)
    assert coverage == pytest.approx([0.2, 0.4, 0.8, 1.0])
    assert risk == pytest.approx([0, 0, 0.25, 0.4])
    assert calibration.area_under_risk_coverage(CONFIDENCE, RIGHT) == pytest.approx(0.4 * 0.25 + 0.2 * 0.4)
    assert [calibration.coverage_at_risk(CONFIDENCE, RIGHT, risk) for risk in (0, 0.01, 0.3, 1)] == pytest.approx(
        [0.4, 0.4, 0.8, 1]
    )
    assert calibration.coverage_at_risk(CONFIDENCE, ~RIGHT, 0.01) == 0.0


def test_order_does_not_matter(rng):
    confidence, right = np.round(rng.random(50), 1), rng.random(50) < 0.5
    order = rng.permutation(50)
    for function in (calibration.area_under_risk_coverage, calibration.expected_calibration_error, calibration.confidence_gap):
        assert function(confidence, right) == pytest.approx(function(confidence[order], right[order]))


@pytest.mark.parametrize(("confidence", "right"), [([], []), ([0.5], [True, False]), ([1.1], [True]), ([np.nan], [True])])
def test_what_is_no_confidence(confidence, right):
    with pytest.raises(ValueError, match="found; expected"):
        calibration.reliability(np.array(confidence), np.array(right))
