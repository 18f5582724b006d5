"""What one process has compiled, the next one need not."""

import os
import pathlib
import subprocess
import sys

import jax

from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import random_bundle

SCRIPT = """
import collections, sys
import jax
import numpy as np
counts = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: counts.update([event.rpartition("/")[2]]))
import lpasrn_jax as lp
reader = lp.load(sys.argv[1], cache=sys.argv[2] == "cache")
image = np.zeros((9, 25, 3), np.uint8)
reader.read(image), reader.enhance(image)
print(counts["cache_misses"], counts["cache_hits"])
"""


def start(weights, home: pathlib.Path, cache="cache"):
    """Programs that a process compiled and those that it found, and the folders in its cache."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    command = [sys.executable, "-c", SCRIPT, str(weights), cache]
    done = subprocess.run(command, env={**environment, "XDG_CACHE_HOME": str(home)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [int(count) for count in done.stdout.split()], sorted(path.name for path in home.glob("lpasrn_jax/*"))


def test_the_second_start_compiles_nothing(tmp_path):
    weights = save_bundle(tmp_path / "small", random_bundle())
    (compiled, found), folders = start(weights, tmp_path)
    assert (compiled > 0, found) == (True, 0)
    assert folders == [f"xla-{jax.__version__}"]
    again, found = start(weights, tmp_path)[0]
    stored = len([*tmp_path.glob("lpasrn_jax/*/programs/*.program")])
    assert (again, found) == (0, compiled - stored)  # JAX is not even asked for what reading itself has stored
    assert stored >= 2  # read, and enhanced


def test_the_cache_can_be_left_out_and_its_folder_be_impossible(tmp_path):
    weights = save_bundle(tmp_path / "small", random_bundle())
    assert start(weights, tmp_path / "home", "none")[1] == []
    (tmp_path / "file").write_text("no folder")
    (compiled, found), _ = start(weights, tmp_path / "file")
    assert (compiled, found) == (0, 0)  # counted only where there is a cache
