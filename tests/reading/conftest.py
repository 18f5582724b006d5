"""Weights of a track generator and an OCR, small and random, for tests that bring none of their own."""

import pytest

import lpasrn_jax as lp
from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import track_bundle


@pytest.fixture(scope="module")
def bundle():
    return track_bundle()


@pytest.fixture(scope="module")
def reader(bundle, tmp_path_factory):
    return lp.load(save_bundle(tmp_path_factory.mktemp("weights") / "track", bundle), device="cpu")
