import pathlib
import runpy
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "make_tracks.py"


@pytest.fixture
def make_tracks(monkeypatch):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        runpy.run_path(str(SCRIPT), run_name="__main__")

    return run


def test_writes_the_number_of_tracks_asked_for(make_tracks, tmp_path):
    make_tracks("--out", tmp_path, "--tracks", 4, "--workers", 1, "--scenario-b", 0.5)
    assert len(list(tmp_path.glob("Scenario-A/*/*"))) == len(list(tmp_path.glob("Scenario-B/*/*"))) == 2
    make_tracks("--out", tmp_path, "--tracks", 1, "--workers", 1, "--overwrite")
    assert len(list(tmp_path.rglob("track_*"))) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--tracks", 0], "tracks: 0"), (["--scenario-b", 1.5], "scenarios: shares"), (["--workers", 0], "workers: 0")],
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
