"""The contrastive loss against values worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.losses import embedding

EMBEDDING = jnp.array([[0.0, 1.0], [2.0, 0.0], [0.5, 0.5]])
PARTNER = jnp.array([[1.0, 1.0], [2.0, 0.5], [0.0, 0.0]])
# Distances, row: embedding, column: partner.
#   1.0  2.5  1.0
#   2.0  0.5  2.0
#   1.0  1.5  1.0


def texts(*texts):
    return jnp.array([[ord(c) for c in text] for text in texts])


def test_distance_is_the_sum_of_absolute_differences():
    np.testing.assert_allclose(embedding.distance(EMBEDDING, PARTNER), [1.0, 0.5, 1.0])


@pytest.mark.parametrize(
    ("text", "margin", "expected"),
    [
        (("AB", "AC", "BB"), 3.0, [1 + (0.5**2 + 2**2) / 2, 0.25 + (1**2 + 1**2) / 2, 1 + (2**2 + 1.5**2) / 2]),
        (("AB", "AC", "BB"), 1.75, [1 + (0 + 0.75**2) / 2, 0.25 + 0, 1 + (0.75**2 + 0.25**2) / 2]),
        (("AB", "AC", "AB"), 3.0, [1 + 0.5**2, 0.25 + (1**2 + 1**2) / 2, 1 + 1.5**2]),
        (("AB", "AB", "AB"), 3.0, [1, 0.25, 1]),
    ],
    ids=["all texts differ", "some are beyond the margin", "two of one text do not repel", "one text alone"],
)
def test_consistency_loss(text, margin, expected):
    np.testing.assert_allclose(embedding.consistency_loss(EMBEDDING, PARTNER, texts(*text), margin), expected, rtol=1e-6)


def test_one_example_is_only_attracted():
    loss = embedding.consistency_loss(EMBEDDING[:1], PARTNER[:1], texts("AB"), 3.0)
    np.testing.assert_allclose(loss, [1.0])


def test_a_matching_pair_is_attracted_and_another_plate_repelled():
    """One gradient step on the embeddings: D to the own partner falls, D to the other's rises."""
    text = texts("AB", "CD")
    a, b = jnp.array([[0.0, 0.0], [1.0, 2.0]]), jnp.array([[0.5, -0.5], [1.5, 1.5]])
    gradient = jax.grad(lambda a: embedding.consistency_loss(a, b, text, 3.5).sum())(a)
    moved = a - 1e-3 * gradient
    assert (embedding.distance(moved, b) < embedding.distance(a, b)).all()
    assert (embedding.distance(moved, b[::-1]) > embedding.distance(a, b[::-1])).all()


gradient_of_both = jax.jit(jax.grad(lambda a, b, text, margin: embedding.consistency_loss(a, b, text, margin).sum(), (0, 1)))


@pytest.mark.parametrize("text", [("AB", "AB", "AB"), ("AB", "CD", "EF")], ids=["one text", "three texts"])
@pytest.mark.parametrize("margin", [0.0, 1.0], ids=["no margin", "margin"])
def test_gradients_are_finite_where_embeddings_coincide(text, margin):
    same = jnp.zeros((3, 4))
    gradients = gradient_of_both(same, same, texts(*text), margin)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_both_sides_learn(rng):
    a, b = rng.normal(size=(2, 3, 8)).astype(np.float32)
    gradients = gradient_of_both(a, b, texts("AB", "CD", "EF"), 20.0)
    assert all((np.abs(gradient).max(axis=1) > 0).all() for gradient in gradients)
