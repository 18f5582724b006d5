"""What `scripts/bench.py train` times is the same step on both sides, and it prints its tables."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from lpasrn_jax.models.generator import Generator
from lpasrn_jax.weights.torch_names import generator_names
from parity import bench_training, compare, reference_generator

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize("network", bench_training.PYTORCH)
def test_both_sides_take_the_same_steps(network):
    module = compare.randomise(reference_generator.Generator(f=16, blocks=1, **bench_training.PYTORCH[network]), seed=3)
    model = Generator(features=16, num_rrdb_blocks=1, **bench_training.FLAX[network])
    params = {"generator": compare.flax_params(module, generator_names(model))}
    lr, hr = (image[:, :16, :20] for image in bench_training.images(2))
    hr = np.ascontiguousarray(np.repeat(np.repeat(lr, 2, axis=1), 2, axis=2))
    steps = bench_training.torch_step(module, lr, hr), bench_training.jax_step(model, params, lr, hr)
    theirs, ours = ([step() for _ in range(4)] for step in steps)
    assert theirs[3] < theirs[0] - 1e-4
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_it_prints_both_tables():
    tiny = ["--features=16", "--blocks=1", "--batch=1", "--steps=1", "--rounds=1"]
    tiny += ["--networks=plain attention", "--stages", "stage1", "--sizes=quick", "--seconds=0"]
    command = [sys.executable, "scripts/bench.py", "train", *tiny]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\| plain attention \| \d+ \| \d+ \| \d+\.\d\d \|", done.stdout)
    assert re.search(r"\| stage1 \| 16 \| \d+\.\d \|", done.stdout)
