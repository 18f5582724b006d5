"""The pictures beside SR images: one of all frames of a track, comparisons, evidence."""

import dataclasses
import json
import zlib

import numpy as np
import pytest
from PIL import Image

import lpasrn_jax as lp
from lpasrn_jax import images
from lpasrn_jax.commands import enhanced_pictures
from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import read_image
from lpasrn_jax.weights.bundle import save_bundle
from tests.enhancing import files, run
from tests.given_tracks import write_track
from tests.random_bundle import part, random_bundle, track_bundle


def test_a_track_gives_one_image_of_all_frames(tmp_path, rng):
    reader = lp.load(save_bundle(tmp_path / "track", track_bundle()))
    folder = tmp_path / "set/track_00001"
    write_track(folder, rng, frames=3, hr=False)
    frames = sorted(folder.glob("lr-*.png"))
    run(reader, tmp_path / "set", tmp_path / "out", compare=True)
    fused = np.array(Image.open(tmp_path / "out/fused/track_00001.png"))
    np.testing.assert_array_equal(fused, reader.enhance_track(frames))
    of_track, of_frame = (np.array(Image.open(tmp_path / f"out/compare/{n}.png")) for n in ("track_00001", "track_00001/lr-001"))
    assert of_track.shape[1] > of_frame.shape[1]  # one column more
    (tmp_path / "out/fused/track_00001.png").rename(tmp_path / "kept.png")
    for file in files(tmp_path / "out"):
        (tmp_path / "out" / file).unlink()
    (tmp_path / "kept.png").rename(tmp_path / "out/fused/track_00001.png")
    with pytest.raises(UserError, match=r"fused/track_00001.png exists; choose another folder"):
        run(reader, tmp_path / "set", tmp_path / "out")


def test_under_each_image_stands_what_is_read_in_it_and_the_plate_has_its_own_line(tmp_path, rng, monkeypatch):
    reader = lp.load(save_bundle(tmp_path / "track", track_bundle()))
    folder = tmp_path / "set/track_00001"
    write_track(folder, rng, frames=3, hr=False)
    frames = sorted(folder.glob("lr-*.png"))
    drawn, lines, picture = [], [], np.zeros((9, 9, 3), np.uint8)
    monkeypatch.setattr(enhanced_pictures, "image_grid", lambda columns, captions: drawn.append(captions) or picture)
    monkeypatch.setattr(enhanced_pictures, "text_line", lambda text: lines.append(text) or picture)
    read_as_it_is = reader.read_as_it_is

    def named(image, **options):
        """A random OCR reads the same in all images; this reading names its image."""
        return dataclasses.replace(read_as_it_is(image, **options), text=f"{options['source']} {zlib.crc32(image.tobytes())}")

    monkeypatch.setattr(reader, "read_as_it_is", named)
    plate = run(reader, tmp_path / "set", tmp_path / "out", compare=True).readings["track_00001"]
    *of_frames, of_track = drawn
    for frame, texts in zip(frames, of_frames, strict=True):
        lr = read_image(frame.read_bytes())
        bicubic = images.to_uint8(images.bicubic_upscale(images.to_float(lr[None]), 2))[0]
        shown = {"bicubic": ("original", bicubic), "SR": ("sr", reader.enhance(frame))}
        assert texts == {title: [named(image, source=source).text] for title, (source, image) in shown.items()}
    assert of_track == {**of_frames[0], "fused": [named(reader.enhance_track(frames), source="fused").text]}
    assert lines == [f"plate, original+fused, 3 images: {plate}"] * 4


@pytest.mark.parametrize("size", [(4000, 620), (1500, 1100)])
def test_a_comparing_picture_is_of_bearable_size(reader, tmp_path, size, monkeypatch):
    """Bicubic upscaling multiplies by a matrix of both widths."""
    resized = []
    upscale = images.bicubic_upscale
    monkeypatch.setattr(images, "bicubic_upscale", lambda lr, scale: resized.append(lr.shape) or upscale(lr, scale))
    Image.new("RGB", size, "grey").save(tmp_path / "a.png")
    assert not run(reader, tmp_path / "a.png", tmp_path / "out", compare=True).failed
    assert max(resized[0]) == 512
    with Image.open(tmp_path / "out/compare/a.png") as picture:
        assert max(picture.size) <= 3 * 2048 + 100


def test_the_evidence_of_a_track(tmp_path, rng):
    reader = lp.load(save_bundle(tmp_path / "track", track_bundle()))
    frames = tmp_path / "set/track_00001"
    frames.mkdir(parents=True)
    for i in (1, 2):
        Image.fromarray(rng.integers(0, 256, (8, 24, 3), np.uint8)).save(frames / f"lr-00{i}.png")
    found = run(reader, tmp_path / "set", tmp_path / "out", evidence=True)
    assert not found.failed
    record = json.loads((tmp_path / "out/evidence/track_00001.json").read_text())
    assert record["reading"] == json.loads(json.dumps(found.readings["track_00001"].to_dict()))
    with Image.open(tmp_path / "out/evidence/track_00001.png") as picture:
        assert picture.size[0] > 2 * 2 * 48  # bicubic and fused side by side, twice as large
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file() and path.parent.name != "evidence":
            path.unlink()
    with pytest.raises(UserError, match=r"evidence/track_00001\.png exists"):
        run(reader, tmp_path / "set", tmp_path / "out", evidence=True)


def test_evidence_needs_both_networks(plates, tmp_path):
    lone = lp.load(save_bundle(tmp_path / "ocr", part(random_bundle(), "ocr")))
    with pytest.raises(UserError, match="--evidence"):
        run(lone, plates, tmp_path / "out", evidence=True)
