"""The report on a set of tracks, alone and beside another, and what is refused."""

import json
import pathlib
import runpy
import shutil
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from configs import stage1
from lpasrn_jax import signals
from lpasrn_jax.commands import data_report, data_sheets
from lpasrn_jax.commands.data_sheets import View
from lpasrn_jax.commands.inspect_data import inspect_data
from lpasrn_jax.data.statistics import measure_tracks
from lpasrn_jax.data.tracks import find_tracks
from lpasrn_jax.errors import UserError
from lpasrn_jax.images import to_uint8
from lpasrn_jax.pictures import GAP, LINE
from lpasrn_jax.plates import BRAZIL
from tests.data.damage import GOOD_TRACKS, write_damaged_set
from tests.data.track_folder import write_set, write_track

# ml_collections loads config files with it.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "inspect_data.py"
SIZES = {"lr": (8, 24), "hr": (16, 48)}


@pytest.fixture
def config():
    """Small images, and of augmentation what compiles at once."""
    config = stage1.get_config("quick")
    config.data.lr_size = SIZES["lr"]
    config.data.augment.update({name: 0.0 for name in config.data.augment if name not in ("enabled", "jpeg_quality")})
    config.data.augment.update(jpeg_quality=(100, 100), brightness=0.5)
    return config


@pytest.fixture
def quiet_log():
    return [].append


def shown_rows(picture, rows):
    """The columns that hold an image of 32 x 96 pixels in a sheet of 16 x 48 ones, with their rows."""
    height, width, _ = picture.shape
    assert height == GAP + LINE + GAP + rows * (2 * SIZES["hr"][0] + GAP + LINE + GAP)
    columns, rest = divmod(width - GAP, 2 * SIZES["hr"][1] + GAP)
    assert rest == 0
    return columns


def test_the_report_of_a_set(tracks_root, config, tmp_path):
    content = inspect_data(tracks_root, tmp_path / "out", config=config, rows=3)
    assert json.loads((tmp_path / "out/statistics.json").read_text()) == json.loads(json.dumps(content))
    (one,) = content["sets"].values()
    assert (one["tracks"], one["frames"], one["bad"]) == (40, {"lr": 200, "hr": 200}, [])
    report = (tmp_path / "out/report.md").read_text()
    assert "| tracks | 40 |" in report
    assert f"| LR frames | 200, {one['with_corners']['lr']:.0%} with corners |" in report
    median = one["metrics"]["lr"]["brightness"]["quantiles"]["50"]
    assert f" {median:.0f} |" in next(line for line in report.splitlines() if line.startswith("| brightness |"))
    names = {"histograms.png", "examples.png", "tracks.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names | {"report.md", "statistics.json"}
    assert all(f"]({name})" in report for name in names)
    # `quick` has no augmentation, so nothing is shown of it: LR, bicubic, HR
    assert shown_rows(np.asarray(Image.open(tmp_path / "out/examples.png")), 3) == 3


def test_augmentation_is_shown_as_it_is_configured(tracks_root, config):
    found = find_tracks(tracks_root / "Scenario-B", BRAZIL).tracks
    config.data.augment.enabled = True
    shown = data_sheets.random_examples(found, 2, seed=0)
    sheet = data_sheets.example_sheet(shown, View(SIZES), 2, config.data.augment, seed=1)
    assert shown_rows(sheet, 2) == 5
    height, width = (2 * side for side in SIZES["hr"])
    top = 2 * GAP + LINE
    lr, _, hr, lr_augmented, hr_augmented = (sheet[top : top + height, GAP + i * (width + GAP) :][:, :width] for i in range(5))
    np.testing.assert_array_equal(hr, hr_augmented)  # brightness is LR's alone
    assert np.abs(lr.astype(int) - lr_augmented).max() > 3
    again = data_sheets.example_sheet(shown, View(SIZES), 2, config.data.augment, seed=1)
    np.testing.assert_array_equal(sheet, again)


def test_a_sheet_shows_the_frame_that_it_names(tracks_root, config):
    found = find_tracks(tracks_root, BRAZIL).tracks
    shown = data_sheets.random_examples(found, 5, seed=0)
    assert len({example.track.name for example in shown}) == 5
    assert data_sheets.random_examples(found, 5, seed=0) == shown
    assert data_sheets.random_examples(found, 5, seed=1) != shown
    assert len(data_sheets.random_examples(found, 100, seed=0)) == 40
    config.data.augment.enabled = False
    sheet = data_sheets.example_sheet(shown[:1], View(SIZES), 2, config.data.augment, seed=0)
    plate = to_uint8(View(SIZES).read("hr", [shown[0].track.hr[shown[0].frame]]))[0]
    height, width = (2 * side for side in SIZES["hr"])
    top, left = 2 * GAP + LINE, GAP + 2 * (width + GAP)
    np.testing.assert_array_equal(sheet[top : top + height : 2, left : left + width : 2], plate)


def test_examples_go_from_the_least_contrast_to_the_most(tracks_root):
    found = find_tracks(tracks_root, BRAZIL).tracks
    measured = measure_tracks(found, SIZES)
    contrast = {track.name: value for track, value in zip(found, measured.values["lr"]["contrast"][::5], strict=True)}
    shown = data_sheets.examples_by_contrast(found, measured, 4)
    values = [contrast[example.track.name] for example in shown]
    assert [example.frame for example in shown] == [0] * 4
    assert values == [sorted(contrast.values())[rank] for rank in (0, 13, 26, 39)]
    assert {example.track.name for example in data_sheets.examples_by_contrast(found, measured, 40)} == contrast.keys()


def test_corners_are_left_out_of_account_where_frames_are_whole(tracks_root):
    frame = find_tracks(tracks_root / "Scenario-A", BRAZIL).tracks[0].lr[0]
    plate, whole = (View(SIZES, whole_frames).read("lr", [frame]) for whole_frames in (False, True))
    expected = cv2.resize(frame.read(), SIZES["lr"][::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(to_uint8(whole)[0].astype(int) - expected).mean() < 6
    assert np.abs(plate - whole).mean() > 0.01


@pytest.mark.parametrize(("values", "edges"), [
    ([18, 19, 19, 21], [17.5, 18.5, 19.5, 20.5, 21.5]),
    (range(100), [-0.5 + 4 * i for i in range(26)]),
    ([0.25] * 3, [-0.25, 0.75]),
])  # fmt: skip
def test_whole_numbers_share_bins_evenly(values, edges):
    np.testing.assert_array_equal(data_report._bin_edges(np.array(values, float)), edges)


@pytest.fixture
def dark_set(tracks_root, tmp_path):
    """Half of the Scenario-A tracks, with a quarter of their light."""
    root = tmp_path / "dark"
    shutil.copytree(tracks_root / "Scenario-A" / "Brazilian", root / "Scenario-A" / "Brazilian")
    for path in root.rglob("*.png"):
        cv2.imwrite(str(path), cv2.imread(str(path)) // 4)
    return root


def test_two_sets_beside_each_other(tracks_root, dark_set, config, tmp_path):
    content = inspect_data(tracks_root / "Scenario-A", tmp_path / "out", config=config, against=dark_set, rows=3)
    assert list(content["sets"]) == ["Scenario-A", "dark"]
    differences = content["differences"]["lr"]
    assert next(iter(differences)) == "brightness"
    assert differences["brightness"]["distance"] > 0.8 > 0.5 > differences["tilt"]["distance"]
    report = (tmp_path / "out/report.md").read_text()
    lines = report.splitlines()
    first = lines[next(i for i, line in enumerate(lines) if line.startswith("| LR frames | Scenario-A, median")) + 2]
    assert first.startswith("| brightness |")
    assert f"{differences['brightness']['distance']:.2f}" in first
    sheets = {"beside.png", "examples.png", "tracks.png", "other_examples.png", "other_tracks.png"}
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == sheets | {"histograms.png"}
    assert all(f"]({name})" in report for name in sheets)
    assert shown_rows(np.asarray(Image.open(tmp_path / "out/beside.png")), 3) == 4
    assert "One set has corners" not in report


def test_a_set_with_corners_beside_one_without_is_warned_of(config, tmp_path):
    root = write_set(tmp_path / "set", 8)
    sets = dict(root=root / "Scenario-A", against=root / "Scenario-B", config=config, rows=1)
    for whole_frames in (False, True):
        content = inspect_data(out=tmp_path / "out", whole_frames=whole_frames, **sets)
        report = (tmp_path / "out/report.md").read_text()
        assert ("One set has corners" in report) != whole_frames
        assert "tilt" not in content["differences"]["lr"]


def test_bad_tracks_are_named_and_left_out(config, tmp_path, quiet_log):
    reasons = write_damaged_set(tmp_path / "set")
    content = inspect_data(tmp_path / "set", tmp_path / "out", config=config, rows=1, log=quiet_log)
    (told,) = quiet_log.__self__
    report = (tmp_path / "out/report.md").read_text()
    assert content["sets"]["set"]["tracks"] == GOOD_TRACKS
    assert {bad["track"] for bad in content["sets"]["set"]["bad"]} == reasons.keys()
    assert all(f"bad track {name}: " in told for name in reasons)
    assert sum(f"- `{name}`: " in report for name in reasons) == min(20, len(reasons))
    config.data.strict = True
    with pytest.raises(UserError, match=r"bad track .*data\.strict=False"):
        inspect_data(tmp_path / "set", tmp_path / "strict", config=config)
    assert not (tmp_path / "strict").exists()


def test_a_test_set_has_no_hr_frames_and_no_texts(config, tmp_path):
    for number in range(2):
        write_track(tmp_path / f"test/track_{number}", "ABC1234", "", hr=False, labelled=False)
    content = inspect_data(tmp_path / "test", tmp_path / "out", config=config, rows=9, labelled=False)
    assert content["sets"]["test"]["frames"] == {"lr": 10}
    assert content["sets"]["test"]["layouts"] == {"unknown": 2}
    labelled = write_set(tmp_path / "train", 4)
    content = inspect_data(labelled, tmp_path / "both", config=config, rows=2, labelled=False, against=tmp_path / "test")
    assert list(content["differences"]) == ["lr"]
    assert "| HR frames | 20, 50% with corners | none |" in (tmp_path / "both/report.md").read_text()


def test_what_cannot_be_inspected_is_refused(config, tmp_path):
    root = write_set(tmp_path / "set", 1)
    with pytest.raises(UserError, match="rows: 0; expected 1 or more"):
        inspect_data(root, tmp_path / "out", config=config, rows=0)
    with pytest.raises(UserError, match="against: .*set is the set itself"):
        inspect_data(root, tmp_path / "out", config=config, against=root)
    for path in root.rglob("lr-001.png"):
        path.unlink()
    with pytest.raises(
        UserError, match="no usable track, 1 bad track; the first, Scenario-A/Brazilian/track_00000: frame lr-001 is missing"
    ):
        inspect_data(root, tmp_path / "out", config=config, log=str)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setattr(signals, "exit_on_signals", lambda: None)  # of this process they are pytest's

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        runpy.run_path(str(SCRIPT), run_name="__main__")

    return run


def test_the_command_takes_overrides_of_the_config(script, tmp_path, capsys):
    arguments = ["--data-root", write_set(tmp_path / "set", 2), "--out", tmp_path / "out", "--rows", 2]
    script(*arguments, "--config.data.lr_size=(8, 24)", "--config.data.augment.enabled=False")
    assert capsys.readouterr().out == f"report: {tmp_path}/out/report.md\n"
    assert json.loads((tmp_path / "out/statistics.json").read_text())["sizes"] == {"lr": [8, 24], "hr": [16, 48]}
    for wrong, message in (("--config.data.lr_sise=3", "no key 'lr_sise'"), ("--against=nowhere", "nowhere does not exist")):
        with pytest.raises(SystemExit) as exit_:
            script(*arguments, wrong)
        assert exit_.value.code == 2
        told = capsys.readouterr().err
        assert told.startswith("error: ")
        assert message in told
