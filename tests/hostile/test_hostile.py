"""Inputs by enemies and failing disks: each is refused in one line or used, soon, and leaves no half file.

The suite tries a few, always the same. By hand, more: `python -m pytest tests/hostile -s --hostile=300`.
"""

import collections
import faulthandler
import json
import os
import pathlib
import resource
import subprocess
import sys
import time
import traceback

import cv2
import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax.errors import UserError
from lpasrn_jax.weights.bundle import save_bundle
from lpasrn_jax.weights.torch_import import convert
from tests.hostile.calls import hostile_call, hostile_load_options
from tests.hostile.files import write_hostile_image, write_hostile_track
from tests.hostile.weights import write_hostile_bundle, write_hostile_checkpoint, write_hostile_pickle
from tests.random_bundle import random_bundle

ROOT = pathlib.Path(__file__).parents[2]
MAX_SECONDS = 20  # of computing, for one input; a machine with other work may take five times as long
MAX_GROWTH = 2**31  # bytes that one input may take


class Tally:
    """What became of the inputs: `used` and `refused` are well, `failures` is not."""

    def __init__(self):
        self.outcomes = collections.Counter()
        self.failures = []

    def attempt(self, what, call):
        """Calls, counts, and returns the result, or None."""
        start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        faulthandler.dump_traceback_later(5 * MAX_SECONDS, exit=True, file=sys.__stderr__)
        result, outcome = None, "used"
        try:
            result = call()
        except UserError as error:
            outcome = "refused"
            if "\n" in str(error) or not str(error):
                self.fail(what, f"an error of several lines: {error}")
        except Exception:
            self.fail(what, traceback.format_exc(limit=-6))
        finally:
            faulthandler.cancel_dump_traceback_later()
        self.outcomes[outcome] += 1
        if time.process_time() - start > MAX_SECONDS:
            self.fail(what, f"took {time.process_time() - start:.0f} s")
        grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        if grown > MAX_GROWTH:
            self.fail(what, f"took {grown} bytes")
        return result

    def fail(self, what, how):
        self.failures.append(f"{what}: {how}")

    def assert_well(self, kind):
        print(f"{kind}: {sum(self.outcomes.values())} inputs, {dict(self.outcomes)}, {len(self.failures)} failures")
        assert not self.failures, "\n".join(self.failures)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_bundle(tmp_path_factory.mktemp("weights") / "lite", random_bundle())


@pytest.fixture(scope="module")
def reader(weights):
    """One that has compiled what it needs, so that the time of an input is its own."""
    reader = lp.load(weights)
    for times in (1, 2, 4, 8):
        reader.enhance(np.zeros((8 * times, 24 * times, 3), np.uint8))
    for size in ((8, 24), (99, 99)):
        for count in (1, 5):
            reader.read_track([np.zeros((*size, 3), np.uint8)] * count)
    return reader


@pytest.fixture(scope="module")
def count(request):
    return request.config.getoption("--hostile")


def test_calls(reader, weights, count):
    tally = Tally()
    for seed in range(count):
        rng = np.random.default_rng(seed)
        if seed % 10 == 9:
            options = hostile_load_options(rng)
            tally.attempt(f"seed {seed}: load({options})", lambda options=options: lp.load(weights, **options))
        else:
            what, call = hostile_call(rng)
            tally.attempt(f"seed {seed}: {what}", lambda call=call: call(reader))
    tally.assert_well("calls")


def test_files(reader, count, tmp_path):
    """Each by itself through the API, then all at once through the command."""
    tally, folder = Tally(), tmp_path / "images"
    folder.mkdir()
    for seed in range(count):
        path = write_hostile_image(folder, np.random.default_rng(seed))
        tally.attempt(f"seed {seed}: read({path!r})", lambda path=path: reader.read(path))
        tally.attempt(f"seed {seed}: enhance({path!r})", lambda path=path: reader.enhance(path))
    tally.assert_well("files")


@pytest.mark.parametrize(("write", "part"), [(write_hostile_image, 50), (write_hostile_track, 20)], ids=["images", "tracks"])
def test_commands(weights, count, tmp_path, write, part):
    """Folders of 50 files or 20 tracks: each is read or named, and what is written is whole."""
    tally = Tally()
    for start in range(0, count, part):
        folder = tmp_path / f"in{start}"
        folder.mkdir()
        paths = [write(folder, np.random.default_rng(seed)) for seed in range(start, min(start + part, count))]
        there = sum(1 for path in paths if write is write_hostile_track or (not path.is_dir() and not path.name.startswith(".")))
        run_command(tally, f"seeds {start} to {start + part - 1}", weights, folder, tmp_path / f"out{start}", there)
    tally.assert_well("commands")


def run_command(tally, what, weights, folder, out, there):
    """`scripts/enhance.py` on a folder, with a check of all that it leaves behind."""
    command = [sys.executable, "scripts/enhance.py", "--checkpoint", weights, "-i", folder, "-o", out, "--compare"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=20 * MAX_SECONDS)
    except subprocess.TimeoutExpired:
        tally.fail(what, "the command did not end")
        return
    tally.outcomes[f"exit code {done.returncode}"] += there
    if done.returncode not in (0, 1, 2) or b"Traceback" in done.stderr or b"\x1b" in done.stdout + done.stderr:
        tally.fail(what, done.stderr.decode(errors="replace")[-2000:])
        return
    if done.returncode == 2 and (not done.stderr.startswith(b"error: ") or done.stderr.count(b"\n") != 1):
        tally.fail(what, f"more than one line: {done.stderr[-2000:]}")
    for path in (path for path in out.rglob("*") if path.is_file()):
        if path.name.startswith(".") or (path.suffix == ".png" and cv2.imdecode(np.fromfile(path, np.uint8), 1) is None):
            tally.fail(what, f"{path} is half a file")
    if done.returncode != 2:
        record = json.loads((out / "readings.json").read_text())
        if len(record["readings"]) + len(record["failed"]) < there:
            tally.fail(what, f"of {there} only {len(record['readings'])} read and {len(record['failed'])} named")


@pytest.mark.parametrize("kind", ["bundles", "checkpoints", "pickles"])
def test_weights(weights, trained, count, tmp_path, kind):
    """A third as many of each kind as of the other inputs."""
    tally, plate = Tally(), np.zeros((8, 24, 3), np.uint8)
    if kind == "pickles":
        pytest.importorskip("torch", reason="PyTorch is not installed (extra `parity`)")
    for seed in range(-(-count // 3)):
        folder, rng = tmp_path / str(seed), np.random.default_rng(seed)
        folder.mkdir()
        if kind == "pickles":
            path = write_hostile_pickle(folder, rng)
            tally.attempt(f"seed {seed}: convert", lambda path=path: convert(path, path.with_name("out.safetensors")))
            half = [name for name in os.listdir(path.parent) if name.startswith((".", "out.json"))]
            if half and not path.with_name("out.safetensors").exists():
                tally.fail(f"seed {seed}", f"{half} are left")
            continue
        write, source = (write_hostile_bundle, weights) if kind == "bundles" else (write_hostile_checkpoint, trained / "best")
        path = write(source, folder, rng)
        reader = tally.attempt(f"seed {seed}: load", lambda path=path: lp.load(path))
        if reader is not None:
            use = reader.read if reader.reads else reader.enhance
            tally.attempt(f"seed {seed}: use", lambda use=use: use(plate))
    tally.assert_well(kind)
