"""What is read in tracks of known plates that lie in folders: real ones, or photographs that somebody degraded."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import calibration, strangers
from lpasrn_jax.evaluation.bootstrap import bootstrap_interval
from lpasrn_jax.frames import read_image_file
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.reading.reader import Reader
from lpasrn_jax.reading.reading import Reading
from lpasrn_jax.registration import register

RGB = UInt8[np.ndarray, "h w 3"]


class GivenTrack(NamedTuple):
    """
    text: the true text.
    frames: LR frames.
    hr: an HR image; None if there is none.
    """

    text: str
    frames: list[RGB]
    hr: RGB | None


def read_sets(root: str, plate_format: PlateFormat) -> dict[str, list[GivenTrack]]:
    """The tracks ROOT/SET/TEXT/lr-*.png, with hr*.png beside them where there is one, by set.

    Raises:
      UserError: where there is no track, and for a folder whose name is no text of the format, or that holds what is no image.
    """
    sets: dict[str, list[GivenTrack]] = {}
    for folder in sorted(path for path in pathlib.Path(root).glob("*/*") if path.is_dir()):
        frames, hr = ([*map(read_image_file, sorted(folder.glob(pattern)))] for pattern in ("lr-*.png", "hr*.png"))
        if frames:
            _pattern(folder.name, plate_format)
            sets.setdefault(folder.parent.name, []).append(GivenTrack(folder.name, frames, hr[0] if hr else None))
    if not sets:
        raise UserError(f"{root}: no track found; expected folders SET/TEXT with lr-001.png, lr-002.png, ...")
    return sets


def measure(reader: Reader, tracks: Sequence[GivenTrack], readers: Mapping[str, strangers.Stranger]) -> dict[str, Any]:
    """How well a set of tracks is read.

    Args:
      reader: with a generator and an OCR.
      tracks: of one set.
      readers: strangers by name.

    Returns:
      `readings`: by what was read (`HR`, `one frame`, `all frames`) the number of `readings`, how many are `right`, the
      `interval` of their share, the texts `missed` as pairs (true, read), `confidence` in the mean,
      `calibration_error` and `calibration_error_by_chance`, `gap`.
      `strangers`: by name, for each kind of image the number of plates `right`, of those right with look-alikes `mapped`, and the
      share of `characters`.
    """
    of_frames = [(track.text, reading) for track in tracks for reading in reader.read_many(track.frames)]
    readings = {"one frame": of_frames, "all frames": [(track.text, reader.read_track(track.frames)) for track in tracks]}
    with_hr = [track for track in tracks if track.hr is not None]
    if with_hr:
        readings = {"HR": [(track.text, reader.read(track.hr)) for track in with_hr]} | readings
    shown = [_shown(reader, track) for track in tracks] if readers else []
    return {
        "readings": {name: _figures(of) for name, of in readings.items()},
        "strangers": {name: _read_by(stranger, tracks, shown, reader.plate_format) for name, stranger in readers.items()},
    }


def _pattern(text: str, plate_format: PlateFormat) -> str:
    for name, pattern in plate_format.layouts:
        if plate_format.fits(text, name):
            return pattern
    expected = ", ".join(f"{name} {pattern}" for name, pattern in plate_format.layouts)
    raise UserError(f"{text}: found as the name of a track's folder; expected the text of a plate: {expected}")


def _figures(readings: Sequence[tuple[str, Reading]]) -> dict[str, Any]:
    sure = np.array([reading.confidence for _, reading in readings])
    right = np.array([reading.text == text for text, reading in readings])
    return {
        "readings": len(readings),
        "right": int(right.sum()),
        "interval": bootstrap_interval(right, [text for text, _ in readings]),
        "missed": [(text, reading.text) for text, reading in readings if reading.text != text],
        "confidence": float(sure.mean()),
        "calibration_error": calibration.expected_calibration_error(sure, right),
        "calibration_error_by_chance": calibration.calibration_error_by_chance(sure),
        "gap": calibration.confidence_gap(sure, right),
    }


def _shown(reader: Reader, track: GivenTrack) -> dict[str, RGB]:
    """The images that strangers read, by kind; `median`: of the registered bicubic frames, the plain way to use all of them."""
    first = track.frames[0]
    h, w, _ = first.shape
    bicubic = [np.asarray(Image.fromarray(frame).resize((4 * w, 4 * h), Image.Resampling.BICUBIC)) for frame in track.frames]
    shown = {
        "bicubic": bicubic[0],
        "median": np.median(register(np.stack(bicubic)), axis=0).astype(np.uint8),
        "sr": reader.enhance(first),
    }
    if reader.fuses:
        shown["fused"] = reader.enhance_track(track.frames)
    return shown if track.hr is None else shown | {"hr": track.hr}


def _read_by(
    stranger: strangers.Stranger, tracks: Sequence[GivenTrack], shown: Sequence[Mapping[str, RGB]], plate_format: PlateFormat
) -> dict[str, dict[str, float]]:
    truth = [track.text for track in tracks]
    kinds = [kind for kind in shown[0] if all(kind in images for images in shown)]
    texts = {kind: [strangers.read_plate(stranger, images[kind], plate_format.alphabet) for images in shown] for kind in kinds}
    values = strangers.scores(texts, truth, [_pattern(text, plate_format) for text in truth])
    return {
        kind: {
            "right": int(values["word_acc"][kind].sum()),
            "mapped": int(values["word_acc_mapped"][kind].sum()),
            "characters": float(values["edit_acc"][kind].mean()),
        }
        for kind in kinds
    }
