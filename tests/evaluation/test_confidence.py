"""Confidence of readings, and the calibration that is found for it."""

import numpy as np
import pytest

from lpasrn_jax.evaluation.confidence import confidence, fit_calibration, read_groups
from lpasrn_jax.reading.reading import slot_probabilities
from lpasrn_jax.weights.bundle import Calibration

MASKS = np.ones((1, 1, 2), bool)  # one slot with two characters
FRAMES = 5


def of_margins(margins):
    """Log-probabilities of one slot with two characters, the first of which leads by the margin."""
    logits = np.stack([margins, np.zeros_like(margins)], axis=-1)
    return (logits - np.logaddexp(margins, 0)[..., None])[..., None, :]


def fit(log_probs, text):
    """To frames and tracks of the same log-probabilities."""
    frames = log_probs.reshape(-1, *log_probs.shape[2:])
    return fit_calibration(frames, log_probs, np.repeat(text, log_probs.shape[1], axis=0), MASKS)


def tracks_with(rng, *, temperature, correlation, count=20_000):
    """Tracks whose frames each say the truth's log-odds, with noise that they share in the wanted part.

    If the truth is +1 or -1 and a frame's margin is normal around it with variance 1, the log-odds of a frame are twice its
    margin, and those of f frames with correlation rho 2 / (1 + (f - 1) rho) times the margins' sum. They are scaled by the
    temperature, so that dividing by it makes them honest.
    """
    side = rng.choice([-1.0, 1.0], (count, 1))
    shared, own = rng.normal(size=(count, 1)), rng.normal(size=(count, FRAMES))
    noise = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
    margins = temperature * 2 * (side + noise)
    return of_margins(margins), (side < 0).astype(int)


def test_by_hand():
    """Margins of 2 and 1 for the first character, T = 2 and rho = 1/2: a pair has (2 + 1) / (2 * 1.5) = 1."""
    log_probs = of_margins(np.array([[2.0, 1.0], [-2.0, -1.0]]))
    calibration = Calibration(temperature=2.0, frame_correlation=0.5)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    pairs = read_groups(log_probs, np.zeros((2, 1), int), MASKS)
    assert pairs.right.tolist() == [True, False]
    assert confidence(pairs, MASKS, calibration) == pytest.approx([sigmoid(1), sigmoid(1)])
    singles = read_groups(log_probs.reshape(4, 1, 1, 2), np.zeros((4, 1), int), MASKS)
    assert singles.right.tolist() == [True, True, False, False]
    assert confidence(singles, MASKS, calibration) == pytest.approx([sigmoid(1), sigmoid(0.5)] * 2)


def test_the_confidence_of_a_text_is_the_product_over_its_slots():
    log_probs = np.concatenate([of_margins(np.array([[1.0]])), of_margins(np.array([[-2.0]]))], axis=-2)
    masks = np.ones((1, 2, 2), bool)
    readings = read_groups(log_probs, np.array([[0, 1]]), masks)
    assert readings.right.all()
    assert confidence(readings, masks, Calibration()) == pytest.approx([1 / (1 + np.exp(-1)) / (1 + np.exp(-2))])


@pytest.mark.parametrize(("temperature", "correlation"), [(1.0, 0.0), (0.6, 0.3), (3.0, 0.8), (1.0, 1.0)])
def test_what_the_tracks_were_made_with_is_found(rng, temperature, correlation):
    found = fit(*tracks_with(rng, temperature=temperature, correlation=correlation))
    assert found.temperature == pytest.approx(temperature, rel=0.05)
    assert found.frame_correlation == pytest.approx(correlation, abs=0.05)


def test_calibrated_confidence_is_honest_for_any_number_of_frames(rng):
    log_probs, text = tracks_with(rng, temperature=2.0, correlation=0.5)
    found = fit(log_probs, text)
    for frames in (1, 2, 3, 5):
        readings = read_groups(log_probs[:, :frames], text, MASKS)
        share = readings.right.mean()
        assert confidence(readings, MASKS, found).mean() == pytest.approx(share, abs=0.01)
        assert confidence(readings, MASKS, Calibration()).mean() > share + 0.05


@pytest.mark.parametrize("right", [True, False])
def test_nothing_but_right_or_wrong_readings(right, rng):
    """No mixture to learn from: the fit runs to an end of the range, which is no calibration."""
    log_probs = of_margins(rng.uniform(1, 2, (10, FRAMES)))
    assert fit(log_probs, np.full((10, 1), int(not right))) is None


@pytest.mark.parametrize(("temperature", "correlation"), [(0.1, 0.3), (40.0, 0.3)])
def test_what_lies_beyond_the_range_is_not_fitted(rng, temperature, correlation):
    assert fit(*tracks_with(rng, temperature=temperature, correlation=correlation)) is None


def test_a_character_that_no_layout_allows_has_no_probability():
    masks = np.array([[[True, True, False]]])
    log_probs = np.log([[[[0.2, 0.1, 0.7]]]])
    np.testing.assert_allclose(slot_probabilities(log_probs, masks, Calibration()), [[[2 / 3, 1 / 3, 0]]])
