import json

import cv2
import numpy as np
import pytest

from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.synthetic import photographs
from lpasrn_jax.synthetic.plate import draw_plate
from lpasrn_jax.synthetic.ranges import RANGES
from tests.reading.test_inputs import huge_png

PLATES = {"ABC1234": ("Brazilian", "LLLNNNN"), "QRS5T67": ("Mercosur", "LLLNLNN")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two images of plates in the place of photographs, and their labels."""
    folder = tmp_path_factory.mktemp("photographs")
    lines = ["file,plate_text,plate_layout"]
    for seed, (text, (layout, pattern)) in enumerate(PLATES.items()):
        plate = draw_plate(text, layout, pattern, RANGES.plate, np.random.default_rng(seed))
        image = cv2.copyMakeBorder(np.uint8(plate[..., ::-1] * 255), 10, 10, 30, 30, cv2.BORDER_CONSTANT, value=(60, 50, 40))
        cv2.imwrite(str(folder / f"{text}.png"), image)
        lines.append(f"{text}.png,{text},{layout}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def written(folder, tmp_path_factory):
    root = tmp_path_factory.mktemp("written")
    photographs.write_photograph_tracks(root, photographs.read_labels(folder / "labels.csv", folder), seed=0, num_tracks=4)
    return root


def upright(track, name, size=(40, 120)):
    corners = json.loads((track / "annotations.json").read_text())["corners"][name]
    h, w = size
    full = np.float32([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]])
    source = np.float32([corners[k] for k in ("top-left", "top-right", "bottom-right", "bottom-left")])
    image = cv2.imread(str(track / name)).astype(np.float32)
    return cv2.GaussianBlur(
        cv2.warpPerspective(image, cv2.getPerspectiveTransform(source, full), (w, h), borderMode=cv2.BORDER_REPLICATE), (0, 0), 2
    )


def test_photographs_take_turns_and_keep_their_texts(written):
    folders = sorted(written.glob("Scenario-A/*/track_*"), key=lambda path: path.name)
    assert [f.relative_to(written).as_posix() for f in folders] == [
        f"Scenario-A/{layout}/track_{number:05d}"
        for number, layout in enumerate(("Brazilian", "Mercosur", "Brazilian", "Mercosur"), start=1)
    ]
    for folder in folders:
        annotations = json.loads((folder / "annotations.json").read_text())
        assert annotations["plate_layout"] == PLATES[annotations["plate_text"]][0]
        frames = {f"{kind}-{i:03d}.png" for kind in ("lr", "hr") for i in range(1, 6)}
        assert set(annotations["corners"]) == frames
        assert {path.name for path in folder.iterdir()} == frames | {"annotations.json"}


def test_lr_frames_show_the_photograph_in_its_own_light_where_the_corners_say(written):
    for track in written.glob("*/*/track_*"):
        hr = upright(track, "hr-001.png")
        inner = np.s_[4:-4, 4:-4]
        for i in range(1, 6):
            lr = upright(track, f"lr-{i:03d}.png")
            assert np.corrcoef(lr[inner].ravel(), hr[inner].ravel())[0, 1] > 0.85
            assert abs(lr.mean() - hr.mean()) < 40, "no other exposure than flicker"


def test_hr_frames_are_never_larger_than_the_photograph(folder, tmp_path):
    small = cv2.resize(cv2.imread(str(folder / "ABC1234.png")), (90, 30), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "small.png"), small)
    photograph = photographs.Photograph(tmp_path / "small.png", "ABC1234", "Brazilian")
    photographs.write_photograph_tracks(tmp_path / "out", [photograph], seed=1, num_tracks=2)
    heights = [cv2.imread(str(path)).shape[0] for path in (tmp_path / "out").rglob("*-00?.png")]
    assert len(heights) == 20
    assert max(heights) == 30


def test_same_seed_same_bytes(folder, written, tmp_path):
    labels = photographs.read_labels(folder / "labels.csv", folder)
    photographs.write_photograph_tracks(tmp_path, labels, seed=0, num_tracks=2)
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(paths) == 22
    assert all((written / path.relative_to(tmp_path)).read_bytes() == path.read_bytes() for path in paths)


def test_one_photograph_makes_many_different_tracks(written):
    one, other = sorted(written.glob("Scenario-A/Brazilian/*"))
    assert (one / "lr-001.png").read_bytes() != (other / "lr-001.png").read_bytes()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("file,text\na.png,ABC1234\n", "no column plate_text, plate_layout; expected a first line file,plate_text,plate_layout"),
        ("file,plate_text,plate_layout\n", "no photographs"),
        ("file,plate_text,plate_layout\nnone.png,ABC1234,Brazilian\n", "line 2: .*none.png is missing"),
        ("file,plate_text,plate_layout\nABC1234.png,ABC1234,French\n", "line 2: layout 'French'; expected Brazilian or Mercosur"),
        ("file,plate_text,plate_layout\nABC1234.png,ABC1D34,Brazilian\n", "line 2: 'ABC1D34' is no Brazilian plate"),
        ("file,plate_text,plate_layout\nABC1234.png\n", "line 2: layout ''"),
    ],
)
def test_wrong_labels_are_said_in_one_line(labels, message, folder, tmp_path):
    (tmp_path / "labels.csv").write_text(labels)
    with pytest.raises(UserError, match=message) as error:
        photographs.read_labels(tmp_path / "labels.csv", folder, BRAZIL)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("content", "message"), [
    (b"", "is empty"), (b"text", "is not an image"), (None, "8 pixels high"),
    (huge_png(), "(is 30000 x 30000|has too many) pixels"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 30\n", "is not an image"),
])  # fmt: skip
def test_a_photograph_that_cannot_be_used_is_named(content, message, tmp_path):
    path = tmp_path / "bad.png"
    path.write_bytes(cv2.imencode(".png", np.zeros((8, 30, 3), np.uint8))[1].tobytes() if content is None else content)
    with pytest.raises(UserError, match=f"bad.png: {message}"):
        photographs.write_photograph_tracks(tmp_path / "out", [photographs.Photograph(path, "ABC1234", "Brazilian")], seed=0)


@pytest.mark.parametrize(
    ("wrong", "message"), [({"num_tracks": 0}, "tracks: 0"), ({"seed": -1}, "seed"), ({"workers": 0}, "workers")]
)
def test_what_cannot_be_met_is_said_before_anything_is_written(wrong, message, folder, tmp_path):
    labels = photographs.read_labels(folder / "labels.csv", folder)
    with pytest.raises(UserError, match=message):
        photographs.write_photograph_tracks(tmp_path / "out", labels, **{"seed": 0} | wrong)
    assert not (tmp_path / "out").exists()
