"""A full disk ends each command with one line, and what was good before is good after."""

import csv
import errno
import os
import pathlib
import re
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from lpasrn_jax.commands.readings_table import ReadingsTable
from lpasrn_jax.data.tracks import find_tracks
from lpasrn_jax.errors import full_disk, one_line_errors
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.reading.reading import Reading
from lpasrn_jax.synthetic import write_tracks
from lpasrn_jax.weights.bundle import load_bundle, save_bundle
from lpasrn_jax.weights.orbax import load_checkpoint
from tests.random_bundle import random_bundle
from tests.training.test_training_scripts import stage_1

ROOT = pathlib.Path(__file__).parents[1]
FULL = os.strerror(errno.ENOSPC)


@pytest.fixture
def disk(tmp_path):
    """A folder on a disk of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only who may mount file systems can make a disk that is full")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk, left):
    """Leave so many bytes free, also while another process writes there."""
    with open(disk / "filler", "wb") as file:
        for _ in range(100):
            state = os.statvfs(disk)
            room = state.f_bavail * state.f_frsize - left
            try:
                return os.posix_fallocate(file.fileno(), 0, room) if room > 0 else None
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    raise AssertionError("the disk never stood still")


def run(script, *arguments):
    command = [sys.executable, f"scripts/{script}.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def assert_one_line(code, stderr, path):
    assert code == 2, stderr
    told = [line for line in stderr.splitlines() if "rror" in line or "Traceback" in line]
    assert len(told) == 1, stderr
    assert_told(told[0], path)


def assert_told(line, path):
    assert re.fullmatch(rf"error: .*{re.escape(str(path))}.*{FULL}.*", line), line


def partial_files(folder):
    return [path for path in folder.rglob("*") if path.is_file() and (not path.stat().st_size or "partial" in str(path))]


def test_enhance_keeps_what_was_read(disk, tmp_path, rng):
    weights = save_bundle(tmp_path / "lite", random_bundle())
    for i in range(8):
        Image.fromarray(rng.integers(0, 256, (9, 25, 3), np.uint8)).save(tmp_path / f"{i}.png")
    fill(disk, 5 * 4096)  # the table, and less than eight images
    result = run("enhance", "--checkpoint", weights, "-i", tmp_path, "-o", disk / "out")
    assert_one_line(result.returncode, result.stderr, disk / "out")
    with open(disk / "out/readings.csv", newline="") as file:
        read = list(csv.DictReader(file))
    written = sorted(path.stem for path in disk.glob("out/sr/*.png"))
    assert 0 < len(written) < 8
    assert [row["name"] for row in read][: len(written)] == written
    assert all(len(row["text"]) == 7 and row["probability_7"] for row in read)
    assert partial_files(disk / "out") == []


def test_make_tracks_leaves_whole_tracks_alone(disk):
    fill(disk, 2**19)
    result = run("make_tracks", "--out", disk / "tracks", "--tracks", 40, "--workers", 2)
    assert_one_line(result.returncode, result.stderr, disk / "tracks")
    found = find_tracks(disk / "tracks", BRAZIL)
    assert found.tracks
    assert not found.bad
    assert partial_files(disk / "tracks") == []


def test_export_leaves_the_file_before(disk, tmp_path):
    weights = save_bundle(tmp_path / "small", random_bundle())
    before = save_bundle(disk / "plates", random_bundle())
    fill(disk, 4096)
    result = run("export", "--checkpoint", weights, "--out", before, "--note", "new", "--check-tracks", "0")
    assert_one_line(result.returncode, result.stderr, disk)
    assert load_bundle(before).about == random_bundle().about
    assert partial_files(disk) == []


def test_training_keeps_the_last_whole_checkpoint(disk, tracks_root, tfds_dir, tmp_path):
    workdir = disk / "run"
    rarely = ["--config.stage.epochs=100000", "--config.train.validate_every_epochs=5"]  # the disk fills up between two saves
    command = [sys.executable, "scripts/train.py", *stage_1(workdir, tracks_root, tfds_dir), *rarely, "--tensorboard=false"]
    with open(tmp_path / "stderr", "wb") as stderr, subprocess.Popen([*map(str, command)], cwd=ROOT, stderr=stderr) as process:
        try:
            deadline = time.monotonic() + 250
            while not (workdir / "best/metrics").exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            fill(disk, 0)
            code = process.wait(100)
        finally:
            process.kill()
    stderr = (tmp_path / "stderr").read_text()
    assert code == 2, stderr
    (told,) = [line for line in stderr.splitlines() if line.startswith("error:")]
    assert "Traceback" not in stderr
    assert_told(told, workdir / "warmup")
    for link in (workdir / "best", workdir / "warmup/best", workdir / "warmup/last"):
        assert load_checkpoint(link).params.keys() == {"generator"}


def test_a_line_that_does_not_fit_is_not_begun(tmp_path, monkeypatch):
    reading = Reading("ABC1D23", 0.5, "Mercosur", (("A", 0.9),) * 7, ((),) * 7, 1, "original", False)
    with ReadingsTable(tmp_path / "readings.csv", 7) as table:
        table.add("one", reading)
        table._file = ShortFile(table._file)
        with pytest.raises(OSError, match=FULL):
            table.add("two", reading)
        table._file.room = 1000
        table.add("three", reading)
    lines = (tmp_path / "readings.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["name", "one", "three"]


class ShortFile:
    """A file on a disk that takes a few more bytes."""

    def __init__(self, file):
        self._file = file
        self.room = 5

    def write(self, content):
        return self._file.write(content[: self.room])

    def __getattr__(self, name):
        return getattr(self._file, name)


def test_a_track_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    written, write = [], pathlib.Path.write_bytes

    def full(path, content):
        written.append(path)
        if len(written) > 15:  # in the second track
            write(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, FULL, str(path))
        return write(path, content)

    monkeypatch.setattr(pathlib.Path, "write_bytes", full)
    with pytest.raises(OSError, match=FULL):
        write_tracks(tmp_path, 4, seed=0)
    monkeypatch.undo()
    assert len(list(tmp_path.rglob("annotations.json"))) == len(list(tmp_path.rglob("track_*"))) == 1
    assert partial_files(tmp_path) == []


@pytest.mark.parametrize("error", [
    OSError(errno.ENOSPC, FULL, "a/b"), OSError(errno.EDQUOT, "quota", "a/b"),
    ValueError(f"RESOURCE_EXHAUSTED: writing a/b: {FULL} [tensorstore]"),
])  # fmt: skip
def test_every_command_says_it_in_one_line(error, capsys):
    with pytest.raises(SystemExit) as end, one_line_errors():
        raise error
    assert end.value.code == 2
    assert re.fullmatch("error: .*make room, then give the same command again\n", capsys.readouterr().err)


def test_what_is_no_full_disk_is_not_taken_for_one():
    assert full_disk(OSError(errno.EACCES, "Permission denied")) is None
    assert full_disk(ValueError("RESOURCE_EXHAUSTED: out of memory")) is None
    with pytest.raises(PermissionError), one_line_errors():
        raise PermissionError("no")
