"""The CTC loss against the sum over all alignments, one by one."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lpasrn_jax.losses import ctc_loss
from lpasrn_jax.plates import BRAZIL, PlateFormat

A, B = 0, 1  # two characters of an alphabet of two; their CTC classes are 1 and 2, and 0 is the blank


@jax.jit
def loss_and_gradient(logits, text):
    """One loss per example, and its gradient."""
    losses, pull_back = jax.vjp(lambda logits: ctc_loss.ctc_loss(logits, text), logits)
    return losses, pull_back(jnp.ones_like(losses))[0]


def written(path):
    """What an alignment says: runs merged, then blanks left out."""
    return tuple(label - 1 for label, _ in itertools.groupby(path) if label)


def enumerated(logits, text):
    """Loss and its gradient for one example in float64, over all (v + 1)^t alignments."""
    logits = np.asarray(logits, np.float64)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    steps, classes = p.shape
    visited = np.zeros_like(p)  # probability of the alignments of the text that pass through a class at a step
    for path in itertools.product(range(classes), repeat=steps):
        if written(path) == tuple(text):
            visited[np.arange(steps), path] += np.prod(p[np.arange(steps), path])
    total = visited[0].sum()
    return -np.log(total) / len(text), (p - visited / total) / len(text)


@pytest.mark.parametrize(
    ("steps", "text"),
    [(5, (A, A)), (5, (A, B)), (3, (A, A)), (2, (A, B)), (5, (A, A, B)), (4, (B, A, A)), (1, (B,))],
    ids=["AA", "AB", "AA just fits", "AB just fits", "AAB", "BAA just fits", "B just fits"],
)
def test_loss_and_gradient_are_those_of_all_alignments(rng, steps, text):
    logits = rng.normal(size=(1, steps, 3)).astype(np.float32)
    losses, gradients = loss_and_gradient(logits, jnp.array([text]))
    loss, gradient = enumerated(logits[0], text)
    np.testing.assert_allclose(losses, [loss], rtol=1e-5)
    np.testing.assert_allclose(gradients, [gradient], atol=1e-6)


def test_aa_in_three_steps_by_hand():
    # A, blank, A is the only way: 0.5 * 0.25 * 0.8, over two characters
    p = jnp.array([[[0.25, 0.5, 0.25], [0.25, 0.5, 0.25], [0.1, 0.8, 0.1]]])
    np.testing.assert_allclose(ctc_loss.ctc_loss(jnp.log(p), jnp.array([[A, A]])), [-np.log(0.1) / 2], rtol=1e-5)


def test_examples_do_not_mix(rng):
    logits, text = rng.normal(size=(3, 12, 37)).astype(np.float32), rng.integers(0, 36, (3, 7))
    together, _ = loss_and_gradient(logits, text)
    assert together.shape == (3,)
    np.testing.assert_allclose(together[1:2], loss_and_gradient(logits[1:2], text[1:2])[0], rtol=1e-5)


def test_a_text_that_does_not_fit_has_a_large_finite_loss(rng):
    logits = rng.normal(size=(1, 2, 3)).astype(np.float32)
    losses, gradients = loss_and_gradient(logits, jnp.array([[A, A]]))
    np.testing.assert_allclose(losses, [1e5 / 2], rtol=1e-3)
    assert np.isfinite(gradients).all()


def test_no_loss_is_negative_and_no_gradient_of_weight_is_lost(rng):
    """Texts from likely to certain: optax's sums go below 0, the losses do not, and the gradients stay right."""
    b, t = 60, 5
    peaks = jax.nn.one_hot(jnp.array([0, A + 1, 0, B + 1, 0]), 3) + 0.01 * rng.normal(size=(b, t, 3))
    logits, text = jnp.float32(peaks * np.linspace(6, 24, b)[:, None, None]), jnp.tile(jnp.array([A, B]), (b, 1))
    assert (jax.jit(optax.ctc_loss)(logits, jnp.zeros((b, t)), text + 1, jnp.zeros((b, 2))) < 0).any()
    losses, gradients = loss_and_gradient(logits, text)
    assert (losses >= 0).all()
    expected = [enumerated(example, (A, B))[1] for example in logits]
    np.testing.assert_allclose(gradients, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("layouts", "steps"),
    [
        (("LLLNNNN",), 7 + 2 + 3),
        (("LLLNLNN",), 7 + 2 + 1),
        (("LLLNNNN", "LLLNLNN"), 12),
        (("LLLNLNN", "LLLNNNN"), 12),
        (("LNLN",), 4),
        (("L",), 1),
    ],
)
def test_steps_needed(layouts, steps):
    assert ctc_loss.steps_needed(PlateFormat(layouts=tuple((pattern, pattern) for pattern in layouts))) == steps


def test_the_steps_needed_write_the_text_of_equal_neighbours_and_one_less_does_not(rng):
    text = jnp.array([BRAZIL.encode("AAA1111")])
    logits = rng.normal(size=(1, ctc_loss.steps_needed(BRAZIL), 37)).astype(np.float32)
    loss = jax.jit(ctc_loss.ctc_loss)
    assert loss(logits, text)[0] < 20
    assert loss(logits[:, 1:], text)[0] > 1e4


def test_unused_slots_take_no_step_and_the_loss_is_per_character(rng):
    logits = jnp.asarray(rng.normal(size=(2, 9, 5)), jnp.float32)
    padded = ctc_loss.ctc_loss(logits, jnp.array([[1, 2, 4], [0, 3, 2]]))  # 4: no character
    np.testing.assert_allclose(padded[0], ctc_loss.ctc_loss(logits[:1], jnp.array([[1, 2]]))[0], rtol=1e-6)
    np.testing.assert_allclose(padded[1], ctc_loss.ctc_loss(logits[1:], jnp.array([[0, 3, 2]]))[0], rtol=1e-6)


def test_neighbours_that_may_hold_the_same_character_need_a_step_between_them():
    assert ctc_loss.steps_needed(PlateFormat(layouts=(("a", "LAN"), ("b", "LN")))) == 5
    assert ctc_loss.steps_needed(PlateFormat(layouts=(("c", "VCVN"),), kinds=(("V", "AEIOU"), ("C", "BCD")))) == 4
