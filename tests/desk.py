"""A folder with the files that the documentation's commands name."""

import json
import pathlib
import shutil

import cv2
import pytest
from PIL import Image

from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.synthetic.tracks import write_tracks
from tests.documented import ROOT

EXAMPLES = ROOT / "lpasrn_jax/serve/static/examples"


def lay_out(desk: pathlib.Path) -> None:
    """Tracks, the frames of one, a plate, a photograph of a car, a video, photographs with labels; configs/ and scripts/."""
    for name in ("configs", "scripts"):
        (desk / name).symlink_to(ROOT / name)
    write_tracks(desk / "data/train", 12, seed=5)
    for name in ("val", "other", "synthetic", "heldout"):
        (desk / "data" / name).symlink_to("train")
    old_and_new = PlateFormat.create("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", {"Old": "LNNNLL", "New": "LLNNAVL"}, {"V": "AEU"})
    write_tracks(desk / "data/old_and_new", 12, seed=5, plate_format=old_and_new)
    for folder in (desk, desk / "track", desk / "frames/one"):
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, 6):
            shutil.copy(EXAMPLES / f"five-00{number}.png", folder / f"lr-00{number}.png")
    plate = Image.open(EXAMPLES / "one-003.png").convert("RGB")
    for name in ("plate.jpg", "plate.png"):
        plate.save(desk / name)
    shutil.copy(EXAMPLES / "car.jpg", desk / "photograph.jpg")
    _write_car(desk, plate)
    _write_photographs(desk)


def _write_car(desk: pathlib.Path, plate: Image.Image) -> None:
    """A photograph and a video with a plate at 412, 300 of 96 x 34 pixels."""
    car = Image.open(EXAMPLES / "car.jpg")
    car.paste(plate.resize((96, 34)), (412, 300))
    car.save(desk / "car.jpg")
    video = cv2.VideoWriter(str(desk / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25, car.size)
    for _ in range(3):
        video.write(cv2.imread(str(desk / "car.jpg")))
    video.release()


def _write_photographs(desk: pathlib.Path) -> None:
    (desk / "photographs").mkdir()
    lines = ["file,plate_text,plate_layout"]
    for annotations in desk.glob("data/train/*/*/track_0000[1-3]/annotations.json"):
        about, (frame,) = json.loads(annotations.read_text()), annotations.parent.glob("hr-001.*")
        photograph = shutil.copy(frame, desk / "photographs" / f"{about['plate_text']}{frame.suffix}")
        lines.append(f"{photograph.name},{about['plate_text']},{about['plate_layout']}")
    (desk / "labels.csv").write_text("\n".join(lines))


def write_pytorch_weights(path: pathlib.Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `parity`)")
    from parity import reference_generator

    torch.save(reference_generator.Generator(f=8, blocks=1, deformable="none", growth=4, layers=1).state_dict(), path)
