"""The benchmark of training steps, at its smallest."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]

pytest.importorskip("torch", reason="PyTorch is not installed (extra `parity`)")


def test_it_prints_both_tables():
    tiny = ["--features=16", "--blocks=1", "--batch=1", "--steps=1", "--rounds=1"]
    tiny += ["--networks=plain attention", "--stages", "stage0", "--sizes=quick", "--seconds=0"]
    command = [sys.executable, "scripts/bench.py", "train", *tiny]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\| plain attention \| \d+ \| \d+ \| \d+\.\d\d \|", done.stdout)
    assert re.search(r"\| stage0 \| 16 \| \d+\.\d \|", done.stdout)
