"""Deformable layers against plain convolutions, where the two must agree."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.models.deform import OffsetDeformConv
from tests.models.random_params import images, random_params


def plain_conv(params, x, padding=(1, 1)):
    """The 3x3 convolution that a layer without offsets is."""
    kernel = params["taps"]["kernel"].reshape(3, 3, x.shape[-1], -1)
    conv = nn.Conv(kernel.shape[-1], (3, 3), padding=(padding, padding))
    return conv.apply({"params": {"kernel": kernel, "bias": params["taps"]["bias"]}}, x)


def constant_offset(params, dy, dx):
    """The same layer, its nine taps all moved by (dy, dx)."""
    offset_conv = {"kernel": jnp.zeros_like(params["offset_conv"]["kernel"]), "bias": jnp.tile(jnp.array([dy, dx]), 9)}
    return {**params, "offset_conv": offset_conv}


@pytest.fixture(scope="module")
def features():
    return images(2, 7, 9, 5)


@pytest.fixture(scope="module")
def params(features):
    return random_params(OffsetDeformConv(4), features)


def test_without_offsets_it_is_a_convolution(features, params):
    actual = OffsetDeformConv(4).apply({"params": constant_offset(params, 0.0, 0.0)}, features)
    np.testing.assert_allclose(actual, plain_conv(params, features), atol=1e-5)


def test_a_constant_offset_moves_the_image(features, params):
    moved = OffsetDeformConv(4).apply({"params": constant_offset(params, 2.0, -1.0)}, features)
    # Inside, away from the border, where the padding of the two differs.
    expected = plain_conv(params, features)
    np.testing.assert_allclose(moved[:, 1:4, 2:8], expected[:, 3:6, 1:7], atol=1e-5)


def test_half_a_pixel_is_the_mean_of_neighbours(features, params):
    shifted = [constant_offset(params, 0.0, dx) for dx in (0.0, 0.5, 1.0)]
    at_0, at_half, at_1 = (OffsetDeformConv(4).apply({"params": p}, features) for p in shifted)
    np.testing.assert_allclose(at_half, (at_0 + at_1) / 2, atol=1e-5)


def test_center_offset_moves_the_grid_down_and_right(features, params):
    moved = OffsetDeformConv(4, center_offset=1).apply({"params": constant_offset(params, 0.0, 0.0)}, features)
    np.testing.assert_allclose(moved, plain_conv(params, features, padding=(0, 2)), atol=1e-5)
