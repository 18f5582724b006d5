"""The folder layout in its three forms, and what is said of a track that cannot be used."""

import os
import pathlib
import re
import shutil

import cv2
import numpy as np
import pytest

from lpasrn_jax.data import tracks
from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import BRAZIL, PlateFormat
from tests.data import damage
from tests.data.track_folder import HR_SHAPE, LR_CORNERS, LR_SHAPE, write_set, write_track


def test_reads_both_scenarios(track_root):
    found = tracks.find_tracks(track_root, BRAZIL)
    assert found.bad == ()
    assert found.stray == ()
    assert [(track.name, track.scenario, track.layout, track.text) for track in found.tracks[:3]] == [
        ("Scenario-A/Brazilian/track_00000", "Scenario-A", "Brazilian", "ABC1000"),
        ("Scenario-A/Brazilian/track_00004", "Scenario-A", "Brazilian", "ABC1004"),
        ("Scenario-A/Mercosur/track_00001", "Scenario-A", "Mercosur", "XYZ1D11"),
    ]
    assert len(found.tracks) == 6
    for track in found.tracks:
        assert [frame.path.stem for frame in track.lr + track.hr] == [f"{k}-00{n}" for k in ("lr", "hr") for n in range(1, 6)]
        assert all(frame.read().shape == (*LR_SHAPE, 3) for frame in track.lr)
        assert all(frame.read().shape == (*HR_SHAPE, 3) for frame in track.hr)
        if track.scenario == "Scenario-A":
            np.testing.assert_array_equal(track.lr[3].corners, LR_CORNERS)
        else:
            assert all(frame.corners is None and frame.path.suffix == ".jpg" for frame in track.lr + track.hr)


def test_reads_a_set_of_lr_frames_only(tmp_path):
    write_track(tmp_path / "test" / "track_00001", "ABC1234", "", hr=False, labelled=False)
    found = tracks.find_tracks(tmp_path, BRAZIL, labelled=False)
    (track,) = found.tracks
    assert found.bad == ()
    assert (track.name, track.scenario, track.layout, track.text) == ("test/track_00001", "unknown", None, None)
    assert (len(track.lr), track.hr, track.lr[0].corners) == (5, (), None)
    # As a labelled set, it is one without labels.
    assert "hr-001 is missing" in tracks.find_tracks(tmp_path, BRAZIL).bad[0].reason


def test_unlabelled_tracks_may_be_short_but_have_no_gap(tmp_path):
    for name, gone in (("track_short", (4, 5)), ("track_gap", (2,))):
        folder = write_track(tmp_path / name, "ABC1234", "", hr=False, labelled=False)
        for number in gone:
            (folder / f"lr-00{number}.png").unlink()
    found = tracks.find_tracks(tmp_path, BRAZIL, labelled=False)
    assert [(track.name, len(track.lr)) for track in found.tracks] == [("track_short", 3)]
    assert found.bad == (tracks.BadTrack("track_gap", "frame lr-002 is missing"),)


def test_labels_are_read_from_an_unlabelled_set_that_has_them(track_root):
    assert [t.text for t in tracks.find_tracks(track_root, BRAZIL, labelled=False).tracks] == [
        t.text for t in tracks.find_tracks(track_root, BRAZIL).tracks
    ]


@pytest.mark.parametrize("depth", ["Scenario-A", "Scenario-A/Mercosur", "Scenario-A/Mercosur/track_00001"])
def test_root_may_lie_at_any_depth(track_root, depth):
    track = tracks.find_tracks(track_root / depth, BRAZIL).tracks[-1]
    assert (track.text, track.scenario, track.layout) == (
        "XYZ5D15" if "track" not in depth else "XYZ1D11",
        "Scenario-A",
        "Mercosur",
    )


def test_layout_comes_from_the_folder_where_the_annotations_have_none(track_root):
    folder = track_root / "Scenario-B" / "Mercosur" / "track_00003"
    (folder / "annotations.json").write_text('{"plate_text": "xyz3d13"}')
    (track,) = tracks.find_tracks(folder, BRAZIL).tracks
    assert (track.layout, track.text) == ("Mercosur", "XYZ3D13")  # and text is upper-cased


def test_text_keeps_its_case_where_the_alphabet_has_both(tmp_path):
    folder = write_track(tmp_path / "track_1", "aB1", "short")
    (track,) = tracks.find_tracks(folder, PlateFormat("1aABb", (("short", "LLN"),))).tracks
    assert track.text == "aB1"


def test_each_damage_has_its_reason(tmp_path):
    reasons = damage.write_damaged_set(tmp_path / "train")
    found = tracks.find_tracks(tmp_path / "train", BRAZIL)
    assert len(found.tracks) == damage.GOOD_TRACKS
    given = {bad.name: bad.reason for bad in found.bad}
    assert given.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert re.search(reason, given[name]), f"{name}: {given[name]!r}, expected {reason!r}"
    summary = tracks.format_summary("train", len(found.tracks), found.bad, found.stray)
    assert summary.splitlines()[0] == f"train: 6 tracks, {len(reasons)} bad, 0 stray paths"
    for bad in found.bad:
        assert f"bad track {bad.name}: {bad.reason}" in summary


@pytest.mark.parametrize("kind", damage.DAMAGES)
def test_strict_stops_with_the_path_and_the_reason(tmp_path, kind):
    apply, reason = damage.DAMAGES[kind]
    folder = tmp_path / "Scenario-A" / "Brazilian" / "track_00001"
    apply(write_track(folder, "ABC1234", "Brazilian"))
    with pytest.raises(UserError, match=reason) as error:
        tracks.find_tracks(tmp_path, BRAZIL, strict=True)
    assert str(error.value).startswith(f"{tmp_path}: bad track Scenario-A/Brazilian/track_00001: ")
    assert "data.strict=False" in str(error.value)
    assert "\n" not in str(error.value)
    assert isinstance(error.value, UserError)


def test_stray_files_are_noted_and_do_no_harm(track_root):
    (track_root / "README.txt").write_text("about")
    (track_root / ".DS_Store").write_text("hidden")
    folder = track_root / "Scenario-A" / "Brazilian" / "track_00000"
    (folder / "notes.txt").write_text("about")
    (folder / "more").mkdir()
    (folder / "straße-été-車.png").write_bytes(b"")
    (folder / os.fsdecode(b"latin-\xe9.txt")).write_bytes(b"")
    found = tracks.find_tracks(track_root, BRAZIL)
    assert (len(found.tracks), found.bad) == (6, ())
    names = ("latin-\\xe9.txt", "more", "notes.txt", "straße-été-車.png")
    assert found.stray == ("README.txt", *(f"Scenario-A/Brazilian/track_00000/{name}" for name in names))
    tracks.format_summary(track_root, 6, (), found.stray).encode()


def test_unicode_folder_names(tmp_path):
    write_track(tmp_path / "Scenario-Ç車" / "Mercosur" / "track_ñ", "ABC1D23", "Mercosur")
    (track,) = tracks.find_tracks(tmp_path, BRAZIL).tracks
    assert (track.name, track.scenario) == ("Scenario-Ç車/Mercosur/track_ñ", "Scenario-Ç車")


def test_links_are_followed_and_loops_end(track_root, tmp_path):
    write_set(tmp_path / "elsewhere", 1)
    (track_root / "Scenario-Z").symlink_to(tmp_path / "elsewhere" / "Scenario-A")
    (track_root / "Scenario-A" / "loop").symlink_to(track_root)
    (track_root / "Scenario-B" / "twin").symlink_to(track_root / "Scenario-A")
    found = tracks.find_tracks(track_root, BRAZIL)
    assert len(found.tracks) == 7
    assert {"Scenario-A/loop (leads to a folder already read)", "Scenario-B/twin (leads to a folder already read)"} == set(
        found.stray
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_folder_and_file(track_root):
    folder, frame = track_root / "Scenario-A/Brazilian/track_00000", track_root / "Scenario-A/Brazilian/track_00004/lr-001.png"
    folder.chmod(0)
    frame.chmod(0)
    reasons = [bad.reason for bad in tracks.find_tracks(track_root, BRAZIL).bad]
    folder.chmod(0o755)
    assert reasons == ["cannot be read: Permission denied", "lr-001.png cannot be read: Permission denied"]


def test_folder_that_cannot_be_listed_is_a_bad_track(track_root, monkeypatch):
    folder = track_root / "Scenario-A" / "Brazilian" / "track_00000"

    def refuse(function):
        def refusing(path):
            if pathlib.Path(path) == folder:
                raise PermissionError(13, "Permission denied", str(path))
            return function(path)

        return refusing

    monkeypatch.setattr(os, "scandir", refuse(os.scandir))
    monkeypatch.setattr(os, "listdir", refuse(os.listdir))
    found = tracks.find_tracks(track_root, BRAZIL)
    assert found.bad == (tracks.BadTrack("Scenario-A/Brazilian/track_00000", "cannot be read: Permission denied"),)
    assert len(found.tracks) == 5


@pytest.mark.parametrize(("make", "reason"), [(lambda path: None, "does not exist"), (pathlib.Path.touch, "is no folder")])
def test_root_that_is_no_folder(tmp_path, make, reason):
    make(tmp_path / "train")
    with pytest.raises(
        UserError, match=rf"{re.escape(str(tmp_path / 'train'))} {reason}; .*make_tracks\.py --out data/train.*data\.root"
    ):
        tracks.find_tracks(tmp_path / "train", BRAZIL)


def test_root_without_a_track(tmp_path):
    with pytest.raises(UserError, match=r"no track_\* folder in .*make_tracks\.py"):
        tracks.find_tracks(tmp_path, BRAZIL)


def test_order_does_not_depend_on_the_file_system(track_root, tmp_path):
    names = [track.name for track in tracks.find_tracks(track_root, BRAZIL).tracks]
    copy = tmp_path / "copy"
    for name in reversed(names):
        shutil.copytree(track_root / name, copy / name)
    assert [track.name for track in tracks.find_tracks(copy, BRAZIL).tracks] == names == sorted(names)


def test_corners_may_lie_on_the_border_or_just_beyond(tmp_path):
    folder = write_track(tmp_path / "track_1", "ABC1234", "Brazilian")
    h, w = LR_SHAPE
    damage._corners([[-1, -1], [w, 0], [w, h], [0, h]])(folder)
    assert tracks.find_tracks(folder, BRAZIL).bad == ()
    damage._corners([[-2, -1], [w, 0], [w, h], [0, h]])(folder)
    assert "(-2, -1) is outside" in tracks.find_tracks(folder, BRAZIL).bad[0].reason


def test_sixteen_bit_grey_and_alpha_frames(tmp_path):
    folder = write_track(tmp_path / "track_1", "ABC1234", "Brazilian")
    grey = np.arange(20 * 40, dtype=np.uint16).reshape(20, 40) * 81
    cv2.imwrite(str(folder / "lr-001.png"), grey)
    cv2.imwrite(str(folder / "lr-002.png"), np.dstack([np.full((20, 40), c, np.uint8) for c in (10, 20, 30, 0)]))
    (track,) = tracks.find_tracks(folder, BRAZIL).tracks
    np.testing.assert_array_equal(track.lr[0].read(), np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=-1))
    assert (track.lr[1].read() == (30, 20, 10)).all()  # OpenCV wrote blue first; RGB comes back, and the pixel under alpha 0
