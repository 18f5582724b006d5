"""The character losses against values worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.losses import lcofl

# Classes: 0 and 1 are digits, 2 and 3 are letters.
DIGIT, LETTER, EITHER = ([True, True, False, False], [False, False, True, True], [True] * 4)
PROBABILITIES = [
    [[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25], [0.7, 0.1, 0.1, 0.1]],
    [[0.4, 0.3, 0.2, 0.1], [0.05, 0.05, 0.1, 0.8], [0.5, 0.0625, 0.1875, 0.25]],
]
TEXT = jnp.array([[2, 0, 0], [1, 3, 2]])
ALLOWED = jnp.array([[LETTER, DIGIT, DIGIT], [DIGIT, LETTER, LETTER]])


@pytest.fixture
def slots(rng):
    """Logits of these probabilities; what is added to all classes of a slot changes nothing."""
    return jnp.log(jnp.array(PROBABILITIES)) + rng.normal(size=(2, 3, 1)).astype(np.float32)


def test_classification_loss_is_the_mean_cross_entropy_of_the_slots(slots):
    expected = [-(np.log(0.3) + np.log(0.25) + np.log(0.7)) / 3, -(np.log(0.3) + np.log(0.8) + np.log(0.1875)) / 3]
    np.testing.assert_allclose(lcofl.classification_loss(slots, TEXT), expected, rtol=1e-5)
    np.testing.assert_allclose(lcofl.classification_loss(slots, TEXT, jnp.ones(4)), expected, rtol=1e-5)


def test_a_slot_weighs_as_its_true_character(slots):
    expected = [
        -(2 * np.log(0.3) + 1.5 * np.log(0.25) + 1.5 * np.log(0.7)) / 3,
        -(1 * np.log(0.3) + 3 * np.log(0.8) + 2 * np.log(0.1875)) / 3,
    ]
    weights = jnp.array([1.5, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(lcofl.classification_loss(slots, TEXT, weights), expected, rtol=1e-5)


def test_layout_penalty_sums_the_probability_of_the_wrong_kind(slots):
    wrong_kind = [0.3 + 0.5 + 0.2, 0.3 + 0.1 + 0.5625]  # digits of slot 0, letters of slots 1 and 2; and so on
    penalty = lcofl.layout_penalty(slots, ALLOWED, 0.5)
    np.testing.assert_allclose(penalty, 0.5 * np.array(wrong_kind), rtol=1e-5)


def test_a_slot_for_either_costs_nothing_whatever_it_holds(slots):
    allowed = ALLOWED.at[0, 0].set(jnp.array(EITHER))
    np.testing.assert_allclose(lcofl.layout_penalty(slots, allowed, 1.0), [0.5 + 0.2, 0.3 + 0.1 + 0.5625], rtol=1e-5)


def test_the_right_kind_costs_nothing_and_the_wrong_kind_beta_a_slot():
    sure_of = jax.nn.one_hot(jnp.array([[3, 1, 1], [2, 0, 3]]), 4) * 100  # all wrong characters
    np.testing.assert_allclose(lcofl.layout_penalty(sure_of, ALLOWED, 0.4), [0, 0.4 * 2], atol=1e-6)


def test_the_layout_penalty_moves_probability_to_the_right_kind(slots):
    # of a slot: d mass / d logit_c = p_c ((1 if c is of the wrong kind else 0) - mass)
    gradient = jax.grad(lambda slots: lcofl.layout_penalty(slots, ALLOWED, 1.0).sum())(slots)
    np.testing.assert_allclose(gradient[0, 0], [0.1 * 0.7, 0.2 * 0.7, -0.3 * 0.3, -0.4 * 0.3], rtol=1e-4)
    np.testing.assert_allclose(gradient[0, 2], [-0.7 * 0.2, -0.1 * 0.2, 0.1 * 0.8, 0.1 * 0.8], rtol=1e-4)


def test_a_text_given_up_has_a_finite_loss_and_gradient():
    slots = jnp.full((1, 3, 4), -1e4).at[..., 1].set(1e4)
    value, gradient = jax.value_and_grad(lambda slots: lcofl.classification_loss(slots, TEXT[:1])[0])(slots)
    np.testing.assert_allclose(value, 2e4, rtol=1e-6)
    np.testing.assert_allclose(gradient[0, 0], [0, 1 / 3, -1 / 3, 0], atol=1e-6)
