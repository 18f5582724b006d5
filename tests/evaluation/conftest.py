"""Evaluations of random networks on the small set of synthetic tracks."""

import pytest

from lpasrn_jax.evaluation.evaluate import evaluate
from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import random_bundle


@pytest.fixture(scope="module")
def bundle():
    return random_bundle()


@pytest.fixture(scope="module")
def judge_bundle(tracks_root, tfds_dir, tmp_path_factory):
    """Evaluates a bundle: what it returns, and the folder it wrote."""

    def judge(bundle, **options):
        folder = tmp_path_factory.mktemp("evaluation")
        path = save_bundle(folder / "weights", bundle)
        return evaluate(str(path), str(tracks_root), str(folder / "out"), tfds_dir=str(tfds_dir), **options), folder / "out"

    return judge


@pytest.fixture(scope="module")
def judged(bundle, judge_bundle):
    return judge_bundle(bundle)
