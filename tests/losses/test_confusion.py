"""Confusion counts and the weights that follow from them, worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.losses import confusion

# Class 0 is read 8 times, twice as 1; class 1 four times, always right; class 2 four times, always as 0; class 3 never.
COUNTS = np.array([[6, 2, 0, 0], [0, 4, 0, 0], [4, 0, 0, 0], [0, 0, 0, 0]], np.float32)


def test_count_adds_the_pairs_of_a_batch():
    text, predicted = jnp.array([[0, 1, 2], [2, 2, 0]]), jnp.array([[0, 3, 1], [1, 2, 0]])
    everything = jnp.ones(2, bool)
    counts = jax.jit(confusion.count)(jnp.zeros((4, 4)), text, predicted, everything)
    np.testing.assert_array_equal(counts, [[2, 0, 0, 0], [0, 0, 0, 1], [0, 2, 1, 0], [0, 0, 0, 0]])
    assert counts.dtype == jnp.float32
    np.testing.assert_array_equal(confusion.count(counts, text, predicted, everything), 2 * counts)
    first_alone = confusion.count(jnp.zeros((4, 4)), text, predicted, jnp.array([True, False]))
    np.testing.assert_array_equal(first_alone, [[1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("alpha", "maximum", "expected"),
    [
        (1.0, 3.0, [1 + 2 / 4, 1, 1 + 4 / 4, 1]),  # a class occurs 16 / 4 = 4 times in the mean
        (0.5, 3.0, [1.25, 1, 1.5, 1]),
        (4.0, 3.0, [3, 1, 3, 1]),
        (0.0, 3.0, [1, 1, 1, 1]),
    ],
)
def test_class_weights(alpha, maximum, expected):
    np.testing.assert_allclose(confusion.class_weights(jnp.array(COUNTS), alpha, maximum), expected, rtol=1e-6)


def test_weights_do_not_depend_on_the_length_of_the_epoch():
    weights = confusion.class_weights(jnp.array(COUNTS), 1.0, 3.0)
    np.testing.assert_allclose(confusion.class_weights(jnp.array(COUNTS * 1000), 1.0, 3.0), weights, rtol=1e-6)


def test_weights_are_one_before_anything_is_counted():
    np.testing.assert_array_equal(confusion.class_weights(jnp.zeros((36, 36)), 1.0, 3.0), np.ones(36))
