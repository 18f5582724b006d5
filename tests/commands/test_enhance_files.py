"""From folders of files to SR images and readings, whatever lies in them."""

import csv
import json
import os

import numpy as np
import pytest
from PIL import Image

import lpasrn_jax as lp
from lpasrn_jax.commands.sources import find_sources
from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.weights.bundle import save_bundle
from tests.enhancing import files, run
from tests.random_bundle import part, random_bundle
from tests.reading.test_inputs import huge_png


def test_a_folder_of_images(reader, plates, tmp_path):
    found = run(reader, plates, tmp_path / "out", compare=True)
    names = ["a.jpg", "a.png", "b", "deeper/c"]
    assert sorted(found.readings) == names
    written = ["readings.csv", "readings.json", *(f"{kind}/{name}.png" for kind in ("sr", "compare") for name in names)]
    assert files(tmp_path / "out") == sorted(written)
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "out/sr/b.png")), reader.enhance(plates / "b.png"))
    assert found.readings["b"] == reader.read(plates / "b.png")
    reasons = dict(found.failed)
    assert reasons["notes.txt"] == "is not named like an image"
    assert "damaged.png: is cut short or damaged" in reasons["damaged"]


def test_the_tables_hold_the_readings(reader, plates, tmp_path):
    found = run(reader, plates, tmp_path / "out")
    rows = {row["name"]: row for row in csv.DictReader((tmp_path / "out/readings.csv").read_text().splitlines())}
    record = json.loads((tmp_path / "out/readings.json").read_text())
    assert rows.keys() == found.readings.keys() == {one["name"] for one in record["readings"]}
    for name, reading in found.readings.items():
        assert (rows[name]["text"], rows[name]["layout"], rows[name]["frames"]) == (reading.text, reading.layout, "1")
        assert rows[name]["source"] == "original"
        assert float(rows[name]["confidence"]) == pytest.approx(reading.confidence, abs=1e-6)
        assert float(rows[name]["probability_7"]) == pytest.approx(reading.slots[6][1], abs=1e-6)
    assert {one["name"] for one in record["failed"]} == {"damaged", "notes.txt"}
    assert (record["device"], record["calibrated"]) == ("cpu:0", False)


def test_names_that_are_not_utf8_or_would_be_obeyed(reader, plates, tmp_path):
    """Each keeps its reading; the tables hold names that can be stored, printed and opened in a spreadsheet."""
    content = (plates / "b.png").read_bytes()
    names = [b"=1+1", b"+cmd", b"-rf", b"@sum", b"\t=1", b"\xff\xfe", b"a\x1b[2J\nb"]
    for name in names:
        (plates / os.fsdecode(name + b".png")).write_bytes(content)
    found = run(reader, plates, tmp_path / "out", force=True)
    for name in map(os.fsdecode, names):
        assert found.readings[name] == found.readings["b"]
        assert (tmp_path / f"out/sr/{name}.png").is_file()
    cells = [row[0] for row in csv.reader((tmp_path / "out/readings.csv").read_text().splitlines())]
    assert {"'=1+1", "'+cmd", "'-rf", "'@sum", "'\\t=1", "\\xff\\xfe", "a\\x1b[2J\\nb"} <= {*cells}
    record = json.loads((tmp_path / "out/readings.json").read_text())
    assert {"=1+1", "\\xff\\xfe", "a\x1b[2J\nb"} <= {one["name"] for one in record["readings"]}


def test_a_track_whose_folder_is_not_utf8(reader, tmp_path, rng):
    folder = tmp_path / "set" / os.fsdecode(b"track_\xff")
    folder.mkdir(parents=True)
    Image.fromarray(rng.integers(0, 256, (9, 25, 3), np.uint8)).save(folder / "lr-001.png")
    found = run(reader, tmp_path / "set", tmp_path / "out")
    assert list(found.readings) == [folder.name]
    assert (tmp_path / "out/submission.txt").read_text().startswith("track_\\xff,")


def test_images_whose_names_meet_without_their_endings(reader, tmp_path, rng):
    for name in ("a.jpg", "a.png", "a.jpg.png"):
        Image.fromarray(rng.integers(0, 256, (9, 25, 3), np.uint8)).save(tmp_path / name)
    assert sorted(run(reader, tmp_path, tmp_path / ".out").readings) == ["a.jpg", "a.jpg.png", "a.png"]


@pytest.fixture
def deep_folder(tmp_path):
    """1200 folders in each other, over Python's recursion limit; removed one by one, since pytest's own clean-up recurses."""
    folders = [tmp_path.joinpath("set", *["d"] * depth) for depth in range(1200)]
    for folder in folders:
        folder.mkdir()
    yield folders[0]
    for folder in reversed(folders[1:]):
        folder.rmdir()


def test_folders_that_are_too_deep_are_named(deep_folder):
    Image.new("RGB", (9, 9)).save(deep_folder / "a.png")
    found = find_sources(deep_folder, BRAZIL)
    assert [plate.name for plate in found.plates] == ["a"]
    assert [(len(name), reason) for name, reason in found.left_out] == [
        (199, "has folders more than 100 deep, which are not looked into")
    ]


@pytest.mark.parametrize("size", [(12_000, 4), (4, 12_000), (640, 480 * 2)])
def test_what_has_not_the_shape_of_a_plate_is_named_and_not_enhanced(reader, tmp_path, size):
    Image.new("RGB", size, "grey").save(tmp_path / "a.png")
    ((name, reason),) = run(reader, tmp_path / "a.png", tmp_path / "out").failed
    assert (name, reason.split(": ")[0]) == ("a", "no plate")
    assert files(tmp_path / "out") == ["readings.csv", "readings.json"]


def test_another_file_in_a_track_is_no_failure(reader, tmp_path, rng):
    folder = tmp_path / "set/track_1"
    folder.mkdir(parents=True)
    for name in ("lr-001.png", "lr-002.png", "hr.png"):
        Image.fromarray(rng.integers(0, 256, (9, 25, 3), np.uint8)).save(folder / name)
    for path in (tmp_path / "set", folder):
        found = run(reader, path, tmp_path / "out", force=True)
        assert [reading.frames for reading in found.readings.values()] == [2]
        assert found.failed == []


def test_one_image(reader, plates, tmp_path):
    assert list(run(reader, plates / "b.png", tmp_path / "out").readings) == ["b"]
    assert files(tmp_path / "out") == ["readings.csv", "readings.json", "sr/b.png"]


def test_tracks(reader, tracks_root, tmp_path):
    found = run(reader, tracks_root, tmp_path / "out")
    assert len(found.readings) == 40
    name, reading = next(iter(found.readings.items()))
    assert reading.frames == 5
    assert len(files(tmp_path / "out/sr" / name)) == 5
    lines = (tmp_path / "out/submission.txt").read_text().splitlines()
    assert lines[0] == f"{name.rpartition('/')[2]},{reading.text};{reading.confidence:.4f}"
    assert len(lines) == 40


def test_tracks_without_annotations(reader, tmp_path, rng):
    folder = tmp_path / "test/track_00001"
    folder.mkdir(parents=True)
    frames = rng.integers(0, 256, (3, 9, 25, 3), np.uint8)
    for i, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(folder / f"lr-{i:03d}.png")
    (tmp_path / "test/track_00002").mkdir()
    found = run(reader, tmp_path / "test", tmp_path / "out")
    assert found.readings["track_00001"] == reader.read_track(frames)
    assert dict(found.failed).keys() == {"track_00002"}


def test_nothing_is_overwritten_unless_forced(reader, plates, tmp_path):
    run(reader, plates / "b.png", tmp_path / "out")
    before = (tmp_path / "out/sr/b.png").stat().st_mtime_ns
    with pytest.raises(UserError, match=r"readings.json exists and 2 more; choose another folder, or overwrite with --force"):
        run(reader, plates / "b.png", tmp_path / "out")
    (tmp_path / "out/readings.json").unlink()
    (tmp_path / "out/readings.csv").unlink()
    with pytest.raises(UserError, match=r"sr/b.png exists;"):
        run(reader, plates, tmp_path / "out")
    assert (tmp_path / "out/sr/b.png").stat().st_mtime_ns == before
    run(reader, plates, tmp_path / "out", force=True)
    assert (tmp_path / "out/sr/b.png").stat().st_mtime_ns > before


def test_ctrl_c_leaves_what_was_read(reader, plates, tmp_path):
    def interrupted(sources):
        yield from sources[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(reader, plates, tmp_path / "out", progress=interrupted)
    assert len(json.loads((tmp_path / "out/readings.json").read_text())["readings"]) == 2


@pytest.mark.parametrize(("network", "written"), [
    ("generator", ["readings.json", "sr/b.png"]), ("ocr", ["readings.csv", "readings.json"]),
])  # fmt: skip
def test_half_a_model_does_its_half(network, written, plates, tmp_path):
    reader = lp.load(save_bundle(tmp_path / "half", part(random_bundle(), network)))
    run(reader, plates / "b.png", tmp_path / "out")
    assert files(tmp_path / "out") == written


@pytest.mark.parametrize("path", ["nothing", "empty"])
def test_a_path_without_an_image(reader, tmp_path, path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=f"{path}: (does not exist; give an image|holds no image)"):
        find_sources(tmp_path / path, BRAZIL)


def test_an_unknown_layout_is_found_before_anything_is_written(reader, plates, tmp_path):
    with pytest.raises(UserError, match="layout: 'British' is unknown"):
        run(reader, plates, tmp_path / "out", layout="British")
    assert not (tmp_path / "out").exists()


def hostile(folder, rng):
    """Two hundred files, of which some are images of an unusual kind and most are none; returns the names of the images."""
    encoded = {}
    small = Image.fromarray(rng.integers(0, 256, (10, 26, 3), np.uint8))
    for kind in ("png", "jpg", "bmp", "webp", "tiff"):
        small.save(folder / f"whole.{kind}")
        encoded[kind] = (folder / f"whole.{kind}").read_bytes()
        (folder / f"whole.{kind}").unlink()
    for i in range(90):  # cut short
        kind = ("png", "jpg")[i % 2]
        (folder / f"cut_{i:02d}.{kind}").write_bytes(encoded[kind][: rng.integers(0, len(encoded[kind]) * 3 // 4)])
    for i in range(60):  # noise behind a true beginning
        kind = ("png", "jpg", "bmp", "webp", "tiff")[i % 5]
        noise = bytes(rng.integers(0, 256, 300, np.uint8))
        (folder / f"noise_{i:02d}.{kind}").write_bytes(encoded[kind][:8] + noise)
    for size in ((1, 1), (4000, 1), (1, 4000), (3, 3)):
        Image.new("RGB", size).save(folder / f"size_{size[0]}x{size[1]}.png")
    (folder / "header.png").write_bytes(huge_png())
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("not an image")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "nowhere.png").symlink_to("nowhere")
    (folder / "around").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "pipe.png")
    (folder / "none").mkdir()
    good = {}
    good["cmyk.jpg"] = small.convert("CMYK")
    good["grey.png"] = small.convert("L")
    good["alpha.png"] = small.convert("RGBA")
    good["palette.png"] = small.convert("P")
    good["deep.png"] = Image.fromarray(rng.integers(0, 2**16, (10, 26), np.uint16))
    good["long.png"] = Image.new("RGB", (4000, 5))
    good["plate ü 車牌 \U0001f697.png"] = small
    good["x" * 251 + ".png"] = small
    good["-rf.png"] = small
    good["=1+1.png"] = small
    for i in range(30):
        good[f"good_{i}.png"] = small
    for name, image in good.items():
        image.save(folder / name)
    small.save(folder / "moving.png", save_all=True, append_images=[small])
    exif = Image.Exif()
    exif[0x0112] = 8
    small.save(folder / "turned.jpg", exif=exif)
    not_plates = {"long.png"}  # and turned.jpg, which its EXIF tag turns upright
    return {name.rpartition(".")[0] for name in ({*good, "moving.png"} - not_plates)}


def test_two_hundred_hostile_files(reader, tmp_path, rng):
    folder = tmp_path / "hostile"
    folder.mkdir()
    good = hostile(folder, rng)
    count = sum(1 for path in folder.iterdir() if not path.is_dir())
    assert count >= 200
    found = run(reader, folder, tmp_path / "out")
    assert found.readings.keys() == good
    assert len(found.failed) == count - len(good)
    assert all(reason for _, reason in found.failed)
    assert not good & {name for name, _ in found.failed}
    written = files(tmp_path / "out")
    assert len(written) == len(good) + 2
    assert not [name for name in written if name.rpartition("/")[2].startswith(".")]
    for name in good:
        with Image.open(tmp_path / "out/sr" / f"{name}.png") as image:
            image.load()
