"""Preparing a folder: what is written, when it is used again, and what an interruption leaves."""

import os
import subprocess
import sys

import numpy as np
import pytest
from absl import logging

from lpasrn_jax.data import lp_tracks, splits, tracks
from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import BRAZIL, PlateFormat
from tests.data import damage
from tests.data.track_folder import write_set, write_track


@pytest.fixture
def prepare(track_root, tmp_path):
    """Prepares the fixture's root, or with other arguments."""

    def run(root=track_root, plate_format=BRAZIL, val_split=0.5, **options):
        return lp_tracks.prepare(root, plate_format, tfds_dir=tmp_path / "tfds", val_split=val_split, **options)

    return run


def test_records_hold_the_tracks(prepare, track_root):
    prepared = prepare()
    found = {track.name: track for track in tracks.find_tracks(track_root, BRAZIL).tracks}
    records = [(split, record) for split in ("train", "val") for record in getattr(prepared, split)]
    assert sorted(record["track"].decode() for _, record in records) == sorted(found)
    for split, record in records:
        track = found[record["track"].decode()]
        assert split == splits.split_of(track.text, 0.5)
        assert (record["text"].decode(), record["layout"].decode()) == (track.text, track.layout)
        assert record["scenario"].decode() == track.scenario
        for kind, frames in (("lr", track.lr), ("hr", track.hr)):
            assert list(record[kind]) == [frame.path.read_bytes() for frame in frames]
            corners = record[f"{kind}_corners"]
            assert corners.shape == (5, 4, 2)
            for frame, points in zip(frames, corners, strict=True):
                if frame.corners is None:
                    assert np.isnan(points).all()
                else:
                    np.testing.assert_array_equal(points, frame.corners)
    assert prepared.scenarios == ("Scenario-A", "Scenario-B")
    assert prepared.bad == ()


def test_no_plate_is_in_two_splits(prepare, tmp_path):
    for i in range(12):  # each plate twice, in two scenarios
        for scenario in ("Scenario-A", "Scenario-B"):
            write_track(tmp_path / "twice" / scenario / "Brazilian" / f"track_{i}", f"TWO{i:04d}", "Brazilian")
    prepared = prepare(tmp_path / "twice", val_split=0.4)
    train, val = ({record["text"] for record in source} for source in (prepared.train, prepared.val))
    assert train
    assert val
    assert train.isdisjoint(val)
    assert len(prepared.train) == 2 * len(train)
    assert len(prepared.val) == 2 * len(val)


@pytest.mark.parametrize(("val_split", "sizes"), [(0.0, (6, 0)), (1.0, (0, 6))])
def test_an_empty_split(prepare, val_split, sizes):
    prepared = prepare(val_split=val_split)
    assert (len(prepared.train), len(prepared.val)) == sizes


def test_all_tracks_stand_in_the_order_of_their_names(prepare, track_root):
    prepared = prepare()
    names = [record["track"].decode() for record in prepared.all]
    assert names == [track.name for track in tracks.find_tracks(track_root, BRAZIL).tracks]
    for split in (prepared.train, prepared.val):
        assert [names.index(record["track"].decode()) for record in split] == list(split.indices)


def test_another_split_reads_the_same_prepared_set(prepare, track_root, monkeypatch):
    first = prepare(val_split=0.0)
    monkeypatch.setattr(tracks, "find_tracks", lambda *args, **kwargs: pytest.fail("the folder was read again"))
    for val_split in (0.3, 0.6, 1.0):
        other = prepare(val_split=val_split)
        assert other.directory == first.directory
        texts = [record["text"].decode() for record in other.val]
        assert texts == [record["text"].decode() for record in first.all if is_val(record, val_split)]


def is_val(record, val_split):
    return splits.split_of(record["text"].decode(), val_split) == "val"


def test_a_list_decides_what_is_for_validation(prepare, track_root, tmp_path, monkeypatch):
    names = [track.name for track in tracks.find_tracks(track_root, BRAZIL).tracks]
    (tmp_path / "val.txt").write_text("\n".join([names[4], names[1]]))
    prepared = prepare(val_list=tmp_path / "val.txt")
    assert [record["track"].decode() for record in prepared.val] == [names[1], names[4]]
    assert [record["track"].decode() for record in prepared.train] == [n for i, n in enumerate(names) if i not in (1, 4)]


def test_another_root_is_for_validation_whole(prepare, tmp_path):
    write_track(tmp_path / "val" / "Scenario-C" / "Mercosur" / "track_9", "VAL1D23", "Mercosur")
    prepared = prepare(val_root=tmp_path / "val")
    assert (len(prepared.all), len(prepared.train), len(prepared.val)) == (6, 6, 1)
    assert prepared.val[0]["text"].decode() == "VAL1D23"
    assert prepared.scenarios == ("Scenario-A", "Scenario-B", "Scenario-C")


def test_plates_on_both_sides_of_a_given_split_are_told(prepare, tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr(logging, "warning", lambda text, *values: warnings.append(text % values))
    write_track(tmp_path / "val" / "track_9", "ABC1000", "Brazilian")
    prepare(val_root=tmp_path / "val")
    assert warnings == ["1 plate for validation also in training, such as ABC1000: figures will flatter"]


def test_a_root_and_a_list_for_validation(prepare, tmp_path):
    with pytest.raises(UserError, match=r"data\.val_root: a and data\.val_list: b found"):
        prepare(val_root="a", val_list="b")


def test_an_unchanged_folder_is_read_once(prepare, monkeypatch):
    first = prepare()
    monkeypatch.setattr(tracks, "find_tracks", lambda *args, **kwargs: pytest.fail("the folder was read again"))
    second = prepare()
    assert second.directory == first.directory
    assert second.train[0]["lr"] == first.train[0]["lr"]
    assert second.summary == first.summary


def test_the_summary_is_logged_also_when_the_set_is_used_again(prepare, tmp_path, monkeypatch):
    reasons = damage.write_damaged_set(tmp_path / "damaged")
    lines = []
    log = logging.log
    monkeypatch.setattr(
        logging, "log", lambda level, *args: lines.append(args) if level == logging.WARNING else log(level, *args)
    )
    for _ in range(2):
        prepared = prepare(tmp_path / "damaged")
        assert lines == [("%s", prepared.summary)]
        assert {bad.name for bad in prepared.bad} == reasons.keys()
        assert all(f"bad track {bad.name}: {bad.reason}" in prepared.summary for bad in prepared.bad)
        assert len(prepared.train) + len(prepared.val) == damage.GOOD_TRACKS
        lines.clear()


CHANGES = {
    "content of a frame": lambda root: (root / "Scenario-A/Brazilian/track_00000/lr-001.png").write_bytes(b"other"),
    "a frame is gone": lambda root: (root / "Scenario-A/Brazilian/track_00000/lr-001.png").unlink(),
    "a later time": lambda root: os.utime(root / "Scenario-A/Brazilian/track_00000/annotations.json", (1, 2)),
    "a new track": lambda root: write_track(root / "track_new", "NEW1234", "Brazilian"),
    "another name": lambda root: (root / "Scenario-A").rename(root / "Scenario-C"),
    "a link points elsewhere": lambda root: (root / "Scenario-A/Brazilian/track_00000/lr-009.png").symlink_to("nowhere"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_folder_has_another_fingerprint(track_root, change):
    before = lp_tracks.fingerprint(track_root, BRAZIL)
    assert lp_tracks.fingerprint(track_root, BRAZIL) == before
    change(track_root)
    assert lp_tracks.fingerprint(track_root, BRAZIL) != before


def test_another_plate_format_has_another_fingerprint(track_root):
    other = PlateFormat(layouts=(("Brazilian", "LLLNNNN"),))
    assert lp_tracks.fingerprint(track_root, other) != lp_tracks.fingerprint(track_root, BRAZIL)


def test_a_changed_folder_is_prepared_anew(prepare, track_root):
    first = prepare()
    write_track(track_root / "Scenario-B" / "Mercosur" / "track_new", "NEW1D23", "Mercosur")
    second = prepare()
    assert second.directory != first.directory
    assert len(second.train) + len(second.val) == 7
    assert len(first.train) + len(first.val) == 6  # what was prepared before stays as it was


KILLED = """
import os, sys
from lpasrn_jax.data import lp_tracks
from lpasrn_jax.plates import BRAZIL

written = lp_tracks.LpTracks._generate_examples

def interrupted(self, group):
    yield next(iter(written(self, group)))
    os._exit(9)  # as by a kill: nothing is tidied up

lp_tracks.LpTracks._generate_examples = interrupted
lp_tracks.prepare(sys.argv[1], BRAZIL, tfds_dir=sys.argv[2], val_split=0.5)
"""


def test_an_interrupted_preparation_is_done_again(prepare, track_root, tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(track_root), str(tmp_path / "tfds")], capture_output=True, check=False
    )
    assert run.returncode == 9, run.stderr
    assert list((tmp_path / "tfds").rglob("incomplete.*"))
    prepared = prepare()
    assert len(prepared.train) + len(prepared.val) == 6
    assert not list((tmp_path / "tfds").rglob("incomplete.*"))


def test_processes_that_prepare_the_same_set_at_once(track_root, tmp_path):
    code = KILLED.replace("os._exit(9)", "import time; time.sleep(1.0); yield from list(written(self, group))[1:]")
    command = [sys.executable, "-c", code, str(track_root), str(tmp_path / "tfds")]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
    outputs = [run.communicate()[0].decode() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert sum("Downloading and preparing" in output for output in outputs) == 1


def test_strict(prepare, tmp_path):
    root = write_set(tmp_path / "strict")
    (root / "Scenario-A/Mercosur/track_00001/hr-002.png").unlink()
    expected = r"strict: bad track Scenario-A/Mercosur/track_00001: frame hr-002 is missing; .*data\.strict=False"
    with pytest.raises(UserError, match=expected):
        prepare(root, strict=True)
    assert len(prepare(root).bad) == 1
    with pytest.raises(UserError, match=expected):  # also when the set is used again
        prepare(root, strict=True)


def test_a_root_whose_tracks_are_all_bad(prepare, tmp_path):
    write_track(tmp_path / "bad" / "track_1", "ABC1234", "Belgian")
    with pytest.raises(UserError, match=r"no usable track, 1 bad track; the first, track_1: .*'Belgian' is unknown"):
        prepare(tmp_path / "bad")


WITHOUT_TENSORFLOW = """
import importlib.machinery, sys

class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in ("tensorflow", "keras") else super().find_spec(name, path, target)

sys.meta_path = [Finder if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
from lpasrn_jax.data import lp_tracks, pipeline
from lpasrn_jax.plates import BRAZIL

for _ in range(2):
    prepared = lp_tracks.prepare(sys.argv[1], BRAZIL, tfds_dir=sys.argv[2], val_split=0.5)
    reader = pipeline.FramePairReader(prepared.train, BRAZIL, prepared.scenarios, (24, 72), (48, 144))
    next(pipeline.train_batches(reader, batch_size=2, seed=0))
assert "tensorflow" not in sys.modules
print(len(prepared.train) + len(prepared.val), "tracks")
"""


def test_neither_writing_nor_reading_needs_tensorflow(track_root, tmp_path):
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TENSORFLOW, str(track_root), str(tmp_path / "tfds")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "JAX_PLATFORMS": "cpu"})
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith("6 tracks\n")
