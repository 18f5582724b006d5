"""Arrays have the shapes that the signatures say: a quick part of what `pytest --shapes` checks."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
QUICK = (
    "tests/evaluation/test_confidence.py",
    "tests/losses/test_embedding.py",
    "tests/reading/test_fusion.py",
    "tests/reading/test_region.py",
    "tests/synthetic/test_no_plates.py",
    "tests/test_frames.py",
    "tests/test_witnesses.py",
)
WRONG = """
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from lpasrn_jax.losses.embedding import distance


def test_a_wrong_shape_is_seen():
    with pytest.raises(TypeCheckError):
        distance(np.zeros((2, 3)), np.zeros((2, 4)))
"""


def test_annotated_shapes_are_those_of_the_arrays(tmp_path):
    wrong = tmp_path / "test_wrong.py"
    wrong.write_text(WRONG)
    modules = [*QUICK, str(wrong)]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--shapes",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(ROOT),
        "-k",
        "not reader",
    ]
    done = subprocess.run([*command, *modules], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "passed" in done.stdout
