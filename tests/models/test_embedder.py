"""The embedders' contract."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.models import Embedder, create_embedder
from tests.models.random_params import images, random_params


@pytest.mark.parametrize("backbone", ["resnet18", "lightweight"])
def test_embeddings_have_length_one_and_depend_on_their_image_alone(backbone):
    model = create_embedder({"backbone": backbone, "dim": 16})
    batch = images(2, 21, 33, 3)
    variables = {"params": random_params(model, batch)}
    apply = jax.jit(model.apply)
    vectors = apply(variables, batch)
    assert vectors.shape == (2, 16)
    np.testing.assert_allclose(jnp.linalg.norm(vectors, axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(apply(variables, batch[1:]), vectors[1:], atol=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-4


def test_a_zero_embedding_has_a_finite_gradient():
    model = Embedder("lightweight", dim=8)
    image = images(1, 16, 16, 3)
    params = jax.tree.map(jnp.zeros_like, random_params(model, image))
    gradients = jax.jit(jax.grad(lambda params: model.apply({"params": params}, image).sum()))(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_an_unknown_backbone_is_named():
    with pytest.raises(ValueError, match=r"'vgg' is unknown; expected one of resnet18, lightweight"):
        jax.eval_shape(Embedder("vgg").init, jax.random.key(0), images(1, 8, 8, 3))
