"""Tracks from a person's own photographs of plates: the same camera takes LR frames of each.

labels.csv: file,plate_text,plate_layout
            a.png,ABC1234,Brazilian
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import read_image_file
from lpasrn_jax.plates import BRAZIL, PlateFormat
from lpasrn_jax.synthetic import camera, pose
from lpasrn_jax.synthetic.coding import code_frames
from lpasrn_jax.synthetic.ranges import RANGES, PoseRanges, Ranges
from lpasrn_jax.synthetic.writing import (
    check_workers,
    encode_annotations,
    encode_frame,
    prepare_root,
    write_all,
    write_files,
)

COLUMNS = ("file", "plate_text", "plate_layout")
SCENARIO = "Scenario-A"  # PNG with corners
_SHARPEST = 200  # rows of a photograph that are worth keeping for LR frames
_LOWEST = 24  # rows; less is an LR frame itself
_OWN_LIGHT = {"level": 255.0, "white_balance": (1.0, 1.0, 1.0), "contrast": 1.0, "veil": 0.0}


@dataclasses.dataclass(frozen=True)
class Photograph:
    """One row of the labels: an image that shows one plate, upright and filling it but for a margin."""

    path: pathlib.Path
    text: str
    layout: str

    def read(self) -> UInt8[np.ndarray, "h w 3"]:
        """RGB.

        Raises:
          UserError: for a file that `frames.read_image_file` refuses, and for too small an image.
        """
        rgb = read_image_file(self.path)
        if rgb.shape[0] < _LOWEST:
            raise UserError(f"{self.path}: {rgb.shape[0]} pixels high; expected an HR photograph, {_LOWEST} or more")
        return rgb


def read_labels(
    labels: str | os.PathLike[str], folder: str | os.PathLike[str], plate_format: PlateFormat = BRAZIL
) -> list[Photograph]:
    """The rows of a CSV file with the columns `COLUMNS`; `file` is relative to the folder.

    Raises:
      UserError: for a file that cannot be read or has other columns, or for the first row with a missing image or a text that
        does not fit its layout.
    """
    try:
        with open(labels, newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{labels} cannot be read: {error}") from error
    lacking = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if lacking:
        raise UserError(f"{labels}: no column {', '.join(lacking)}; expected a first line {','.join(COLUMNS)}")
    if not rows:
        raise UserError(f"{labels}: no photographs; expected a line for each")
    photographs = []
    for number, row in enumerate(rows, start=2):
        path = pathlib.Path(folder) / (row["file"] or "").strip()
        text, layout = ((row[column] or "").strip() for column in COLUMNS[1:])
        if not path.is_file():
            raise UserError(f"{labels}, line {number}: {path} is missing or no file")
        if layout not in plate_format.layout_names:
            raise UserError(f"{labels}, line {number}: layout {layout!r}; expected {' or '.join(plate_format.layout_names)}")
        if not plate_format.fits(text, layout):
            pattern = dict(plate_format.layouts)[layout]
            raise UserError(f"{labels}, line {number}: {text!r} is no {layout} plate; expected {pattern}, in capitals")
        photographs.append(Photograph(path, text, layout))
    return photographs


def write_photograph_tracks(
    out: str | os.PathLike[str],
    photographs: Sequence[Photograph],
    *,
    seed: int,
    num_tracks: int | None = None,
    workers: int = 1,
    ranges: Ranges = RANGES,
    overwrite: bool = False,
    progress: Callable[[], object] | None = None,
) -> None:
    """Makes tracks of 5 LR and 5 HR frames from photographs, each seen by another camera.

    HR frames are the photograph itself, reduced; LR frames keep its light and colours. Corners are those of the photograph, so
    LR and HR frames correspond exactly.

    Args:
      out: the root; created where it is missing.
      photographs: result of `read_labels`.
      seed: the same seed writes the same bytes, whatever the number of workers.
      num_tracks: how many, the photographs taking turns; None for one per photograph.
      workers: processes.
      ranges: sizes and cameras.
      overwrite: remove the tracks that are in `out` first.
      progress: called once a track is written.

    Raises:
      UserError: for a folder with something in it, an argument that cannot be met, or a photograph that cannot be read.
    """
    num_tracks = len(photographs) if num_tracks is None else num_tracks
    if num_tracks < 1:
        raise UserError(f"tracks: {num_tracks}; expected 1 or more")
    if seed < 0:
        raise UserError(f"seed: {seed}; expected 0 or more")
    check_workers(workers)
    root = pathlib.Path(out)
    prepare_root(root, overwrite=overwrite)
    plans = [(number, photographs[(number - 1) % len(photographs)]) for number in range(1, num_tracks + 1)]
    write_all(functools.partial(_write_track, root, seed, ranges), plans, workers=workers, progress=progress)


def photograph_track(photograph: Photograph, number: int, seed: int, ranges: Ranges = RANGES) -> Iterator[tuple[str, bytes]]:
    """The files of a track, as names and contents: 5 LR frames, 5 HR frames, annotations.json."""
    rng = np.random.default_rng([seed, number])
    picture = photograph.read()
    device = dataclasses.replace(camera.random_camera(ranges.camera, rng, adverse=False), **_OWN_LIGHT)
    outline, lr_views, hr_views = _views(picture.shape[:2], ranges.pose, rng)
    light, scale = _light(picture)
    frames = []
    for view in lr_views:
        now = camera.flicker(device, ranges.camera, rng)
        seen = camera.see(light, (outline + 0.5) * scale - 0.5, view, now, rng)
        frames.append(camera.record(seen, (view.height, view.width), now, rng))
    lr = code_frames(frames, [view.corners for view in lr_views], ranges.camera, rng)
    hr = [cv2.resize(picture, (view.width, view.height), interpolation=cv2.INTER_AREA) for view in hr_views]
    corners = {}
    for kind, kind_views, kind_frames in (("lr", lr_views, lr), ("hr", hr_views, hr)):
        for i, (view, frame) in enumerate(zip(kind_views, kind_frames, strict=True), start=1):
            name = f"{kind}-{i:03d}.png"
            corners[name] = view.corners
            yield name, encode_frame(frame, "png")
    yield "annotations.json", encode_annotations(photograph.layout, photograph.text, corners)


def _write_track(root: pathlib.Path, seed: int, ranges: Ranges, plan: tuple[int, Photograph]) -> None:
    number, photograph = plan
    folder = root / SCENARIO / photograph.layout / f"track_{number:05d}"
    write_files(folder, photograph_track(photograph, number, seed, ranges))


def _light(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """The photograph in linear light, reduced to what an LR frame can show, and by which factor."""
    scale = min(1.0, _SHARPEST / picture.shape[0])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return camera.linear_light(picture), scale


def _views(
    size: tuple[int, int], ranges: PoseRanges, rng: np.random.Generator
) -> tuple[np.ndarray, list[pose.View], list[pose.View]]:
    """The photograph's outline, LR views that show it within half a pixel of their edges, and HR views that show it exactly."""
    h, w = size
    outline = np.array([(-0.5, -0.5), (w - 0.5, -0.5), (w - 0.5, h - 0.5), (-0.5, h - 0.5)])
    whole = pose.View(h, w, outline)
    lr_heights, hr_heights = pose.frame_heights(ranges, rng, smallest=ranges.smallest_plate)
    lr = []
    for height in lr_heights:
        view = whole.at_height(min(height, h))
        lr.append(
            dataclasses.replace(
                view, corners=view.corners + rng.uniform(-0.5, 0.5, 2) + rng.normal(0, 0.1, (4, 2)).clip(-0.3, 0.3)
            )
        )
    return outline, lr, [whole.at_height(min(height, h)) for height in hr_heights]
