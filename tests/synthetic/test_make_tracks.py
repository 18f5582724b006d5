import json
import pathlib
import re
import runpy
import sys

import cv2
import numpy as np
import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "make_tracks.py"


@pytest.fixture
def make_tracks(monkeypatch):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as ended:
            if ended.code:
                raise

    return run


def test_writes_the_number_of_tracks_asked_for(make_tracks, tmp_path):
    make_tracks("--out", tmp_path, "--tracks", 4, "--workers", 1, "--scenario-b", 0.5)
    assert len(list(tmp_path.glob("Scenario-A/*/*"))) == len(list(tmp_path.glob("Scenario-B/*/*"))) == 2
    make_tracks("--out", tmp_path, "--tracks", 1, "--workers", 1, "--overwrite")
    assert len(list(tmp_path.rglob("track_*"))) == 1


def test_tracks_are_made_from_photographs(make_tracks, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((60, 180, 3), 120, np.uint8))
    (tmp_path / "labels.csv").write_text("file,plate_text,plate_layout\na.png,ABC1234,Brazilian\n")
    arguments = ("--from-images", tmp_path, "--labels", tmp_path / "labels.csv", "--workers", 1)
    make_tracks("--out", tmp_path / "one", *arguments)
    make_tracks("--out", tmp_path / "three", *arguments, "--tracks", 3)
    assert len(list(tmp_path.glob("one/Scenario-A/Brazilian/track_*"))) == 1
    assert len(list(tmp_path.glob("three/Scenario-A/Brazilian/track_*"))) == 3


def test_not_aligned_gives_other_moments(make_tracks, tmp_path):
    for name, flags in (("aligned", ()), ("not", ("--not-aligned",))):
        make_tracks("--out", tmp_path / name, "--tracks", 1, "--workers", 1, "--scenario-b", 0, *flags)
        corners = json.loads(next((tmp_path / name).rglob("annotations.json")).read_text())["corners"]
        shapes = []
        for kind in ("lr", "hr"):
            points = np.array(list(corners[f"{kind}-003.png"].values()))
            shapes.append((points - points.mean(0)) / np.ptp(points, axis=0))
        assert (np.abs(shapes[0] - shapes[1]).max() < 0.004) == (name == "aligned")


def test_plates_of_other_alphabets_and_lengths(make_tracks, tmp_path):
    layouts = ("--layouts", "Old=LLNN", "Mercosur", "New=VANNV", "--kinds", "V=AE", "--alphabet", "0123456789ABCDE")
    make_tracks("--out", tmp_path, "--tracks", 6, "--workers", 1, *layouts)
    found = [json.loads(path.read_text()) for path in tmp_path.rglob("annotations.json")]
    assert {one["plate_layout"] for one in found} == {"Old", "Mercosur", "New"}
    for text, layout in ((one["plate_text"], one["plate_layout"]) for one in found):
        patterns = {"Old": "[A-E]{2}[0-9]{2}", "Mercosur": "[A-E]{3}[0-9][A-E][0-9]{2}", "New": "[AE][0-9A-E][0-9]{2}[AE]"}
        assert re.fullmatch(patterns[layout], text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "labels.csv"], "--from-images and --labels go together"),
        (["--tracks", 0], "tracks: 0"),
        (["--scenario-b", 1.5], "scenarios: shares"),
        (["--workers", 0], "workers: 0"),
        (["--layouts", "German"], "--layouts: 'German' found; expected NAME=PATTERN"),
        (["--layouts", "German=LLXN"], "plates.layouts['German']: 'LLXN' is not made of L (letter), N (digit), A (either)"),
        (["--kinds", "AEIOU"], "--kinds: 'AEIOU' found; expected LETTER=CHARACTERS"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(make_tracks, tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit) as exit_:
        make_tracks("--out", tmp_path / "out", *arguments)
    assert exit_.value.code == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert shown.count("\n") == 1
    assert message in shown


def test_a_full_folder_is_left_alone(make_tracks, tmp_path, capsys):
    (tmp_path / "picture.png").touch()
    with pytest.raises(SystemExit) as exit_:
        make_tracks("--out", tmp_path, "--tracks", 1, "--workers", 1)
    assert exit_.value.code == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
