import json

import cv2
import numpy as np
import pytest

from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import BRAZIL, PlateFormat
from lpasrn_jax.synthetic import write_tracks
from lpasrn_jax.synthetic.plan import plan_tracks
from lpasrn_jax.synthetic.ranges import RANGES

CORNERS = ("top-left", "top-right", "bottom-right", "bottom-left")


def files(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def tracks(root, scenario):
    return sorted(root.glob(f"{scenario}/*/track_*"))


def plate(path, corners=None, size=(48, 144)):
    """The grey plate upright, as blurred as an LR frame, its slow changes of light taken off."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    h, w = size
    full = np.float32([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]])
    if corners is None:
        upright = cv2.resize(image, (w, h), interpolation=cv2.INTER_CUBIC)
    else:
        source = np.float32([corners[name] for name in CORNERS])
        upright = cv2.warpPerspective(image, cv2.getPerspectiveTransform(source, full), (w, h), flags=cv2.INTER_CUBIC)
    upright = cv2.GaussianBlur(upright.astype(np.float32), (0, 0), 1.8)
    return upright - cv2.GaussianBlur(upright, (0, 0), 8)


def correlation(a, b):
    inner = np.s_[18:-6, 8:-8]  # the characters
    return np.corrcoef(a[inner].ravel(), b[inner].ravel())[0, 1]


def test_folder_layout_is_the_one_that_data_reads(tracks_root):
    number = set()
    for path in tracks_root.rglob("track_*"):
        scenario, layout, name = path.relative_to(tracks_root).parts
        number.add(int(name.removeprefix("track_")))
        extension = {"Scenario-A": "png", "Scenario-B": "jpg"}[scenario]
        frames = {f"{kind}-{i:03d}.{extension}" for kind in ("lr", "hr") for i in range(1, 6)}
        assert {file.name for file in path.iterdir()} == frames | {"annotations.json"}
        annotations = json.loads((path / "annotations.json").read_text())
        assert set(annotations) == {"plate_layout", "plate_text", "corners"}
        assert annotations["plate_layout"] == layout
        assert BRAZIL.fits(annotations["plate_text"], layout)
        assert set(annotations["corners"]) == (frames if scenario == "Scenario-A" else set())
        for corners in annotations["corners"].values():
            assert tuple(corners) == CORNERS
    assert number == set(range(1, 41)), "numbers are unique in the root"


def test_mix_is_three_quarters_a_and_half_each_layout(tracks_root):
    count = {
        f"{s}/{y}": len(list(tracks_root.glob(f"{s}/{y}/*"))) for s in ("Scenario-A", "Scenario-B") for y in BRAZIL.layout_names
    }
    assert count == {"Scenario-A/Brazilian": 15, "Scenario-A/Mercosur": 15, "Scenario-B/Brazilian": 5, "Scenario-B/Mercosur": 5}


def test_frames_have_the_sizes_of_the_ranges(tracks_root):
    for path in list(tracks_root.rglob("lr-*")) + list(tracks_root.rglob("hr-*")):
        h, w, channels = cv2.imread(str(path)).shape
        heights = RANGES.pose.lr_height if path.name[0] == "l" else RANGES.pose.hr_height
        assert channels == 3
        assert heights.low <= h <= heights.high
        assert 1 < w / h < 4.5


@pytest.mark.parametrize("scenario", ["Scenario-A", "Scenario-B"])
def test_lr_and_hr_frames_show_one_plate_in_the_same_coordinates(tracks_root, scenario):
    def upright(track, kind, i):
        annotations = json.loads((track / "annotations.json").read_text())
        path = next(track.glob(f"{kind}-{i:03d}.*"))
        return plate(path, annotations["corners"].get(path.name))

    folders = tracks(tracks_root, scenario)
    hr = [upright(track, "hr", 1) for track in folders]
    matching, mismatching, shifted = [], [], []
    for t, track in enumerate(folders):
        for i in range(1, 6):
            lr = upright(track, "lr", i)
            own = upright(track, "hr", i)
            matching.append(correlation(lr, own))
            mismatching.append(correlation(lr, hr[t - 2]))
            shifted.append(max(correlation(lr, np.roll(own, by, axis)) for by in (-6, 6) for axis in (0, 1)))
    assert np.median(matching) > 0.75
    assert np.mean(np.array(matching) > np.array(mismatching)) > 0.95
    assert np.mean(np.array(matching) > np.array(shifted)) > 0.9


def test_hr_frames_of_a_track_agree(tracks_root):
    for track in tracks(tracks_root, "Scenario-A"):
        corners = json.loads((track / "annotations.json").read_text())["corners"]
        first, last = (plate(track / name, corners[name]) for name in ("hr-001.png", "hr-005.png"))
        assert correlation(first, last) > 0.85, track


def test_same_seed_same_bytes_whatever_the_workers(tmp_path, tracks_root):
    write_tracks(tmp_path / "two", 8, seed=5, workers=2)
    eight = files(tmp_path / "two")
    forty = files(tracks_root)
    assert len(eight) == 8 * 11
    assert all(forty[name] == content for name, content in eight.items()), "and a shorter run is the start of a longer one"


def test_another_seed_other_tracks(tmp_path, tracks_root):
    write_tracks(tmp_path, 2, seed=6)
    other = files(tmp_path)
    assert not any(files(tracks_root)[name] == content for name, content in other.items())


def test_texts_are_all_different():
    plans = plan_tracks(3000, seed=1)
    assert len({plan.text for plan in plans}) == 3000
    assert all(BRAZIL.fits(plan.text, plan.layout) for plan in plans)
    seen = {(c, kind) for plan in plans for c, kind in zip(plan.text, plan.pattern, strict=True)}
    assert len(seen) == 36, "every character"


def test_texts_stay_different_where_few_are_possible():
    one_letter = PlateFormat(alphabet="0123456789A", layouts=(("Brazilian", "LNN"),))
    plans = plan_tracks(50, seed=0, plate_format=one_letter)
    assert len({plan.text for plan in plans}) == 50


def test_layouts_and_scenarios_can_be_chosen(tmp_path):
    here = PlateFormat(layouts=(("Mercosur", "LLLNLNN"), ("Elsewhere", "LLNNNNL")))
    done = []
    plans = write_tracks(
        tmp_path,
        3,
        seed=0,
        scenarios={"Scenario-B": 1.0},
        layouts=["Elsewhere"],
        plate_format=here,
        progress=lambda: done.append(1),
    )
    assert [plan.folder for plan in plans] == [f"Scenario-B/Elsewhere/track_0000{n}" for n in (1, 2, 3)]
    assert all((tmp_path / plan.folder / "hr-005.jpg").is_file() for plan in plans)
    assert len(done) == 3


def test_overwrite_replaces_tracks_and_nothing_else(tmp_path):
    write_tracks(tmp_path, 3, seed=0)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        write_tracks(tmp_path, 1, seed=0)
    write_tracks(tmp_path, 1, seed=1, overwrite=True)
    assert len(list(tmp_path.rglob("track_*"))) == 1
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_tracks": 0}, "tracks: 0"),
        ({"seed": -1}, "seed: -1"),
        ({"workers": 0}, "workers: 0"),
        ({"scenarios": {"Scenario-C": 1.0}}, "'Scenario-C' is unknown; expected Scenario-A or Scenario-B"),
        ({"scenarios": {"Scenario-A": 0.5}}, "1 in all"),
        ({"scenarios": {"Scenario-A": 1.5, "Scenario-B": -0.5}}, "from 0 to 1"),
        ({"layouts": ["French"]}, "'French' is unknown; expected Brazilian or Mercosur"),
        ({"layouts": []}, "none given"),
        ({"plate_format": PlateFormat(alphabet="012ÄB", layouts=(("Brazilian", "LLLNNNN"),))}, "no glyph for 'Ä'"),
        ({"num_tracks": 6, "plate_format": PlateFormat(layouts=(("Brazilian", "N"),))}, "has 10 texts, enough for 5 tracks"),
    ],
)
def test_what_cannot_be_met_is_said_in_one_line(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message) as error:
        write_tracks(tmp_path / "out", **{"num_tracks": 1, "seed": 0} | wrong)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match="is a file"):
        write_tracks(tmp_path / "out", 1, seed=0)
