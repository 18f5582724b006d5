"""From image files to SR images and readings in files."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from lpasrn_jax.commands.enhanced_pictures import compared_images, comparison_picture, evidence_picture
from lpasrn_jax.commands.readings_table import ReadingsTable
from lpasrn_jax.commands.sources import Source, Sources, source_image
from lpasrn_jax.errors import UserError, full_disk
from lpasrn_jax.escape import printable, storable
from lpasrn_jax.reading.reader import Reader
from lpasrn_jax.reading.reading import FUSED, ORIGINAL, SR, Reading
from lpasrn_jax.reading.region import Region
from lpasrn_jax.weights.bundle import write_atomically

READINGS_JSON, READINGS_CSV, SUBMISSION = "readings.json", "readings.csv", "submission.txt"
READ_IN = {"bicubic": ORIGINAL, "SR": SR, "fused": FUSED}  # source of the reading of each image of a comparing picture


class Enhanced(NamedTuple):
    """What became of the sources: readings by plate, none from weights without an OCR, and (name, reason) of what failed."""

    readings: dict[str, Reading]
    failed: list[tuple[str, str]]


class _Compared(NamedTuple):
    """What comparing pictures of a plate need beside its images: its reading, if it was read, and its layout, if it is known."""

    plate: Reading | None
    layout: str | None


def enhance_files(
    reader: Reader,
    sources: Sources,
    out: pathlib.Path,
    *,
    region: Region | None = None,
    layout: str | None = None,
    fusion: str = "log_probs",
    compare: bool = False,
    evidence: bool = False,
    force: bool = False,
    progress: Callable[[Iterable[Source]], Iterable[Source]] = iter,
) -> Enhanced:
    """Write SR images and readings of all sources below a folder; one that fails is noted, and the others go on.

    `sr/NAME.png` are the SR images and `fused/TRACK.png` the one image of each track; `compare/NAME.png` and `compare/TRACK.png`
    the same beside LR and bicubic of the frame, or of the first: under each image stands what the OCR reads in that image, and
    below them the reading of the plate from all its images. `evidence/NAME.png` of a plate and
    `evidence/NAME.json` say what its reading rests on, see `Evidence`. `readings.csv` and `readings.json` hold what
    was read, `submission.txt` a line `track_00001,ABC1234;0.9876` per track. Each file is there whole or not at all, but for
    `readings.csv`, to which each plate's line is added when it has been read.

    Args:
      reader: with a generator, an OCR, or both.
      sources: what `find_sources` found.
      out: a folder, made if it is new.
      region: where the plate is in each image; None where it fills them, or where the set says.
      layout: of all plates; detected for each if not given.
      fusion: see `Reader.read_track`.
      compare: write the comparing pictures too.
      evidence: write what each reading rests on too.
      force: overwrite.
      progress: wraps the iteration, as `tqdm` does.

    Raises:
      UserError: for a file that exists, unless `force`; for a folder that cannot be written, or a full disk; for an unknown
        layout or fusion; for evidence from weights without a generator or without an OCR.
    """
    reader.check(layout=layout, fusion=fusion)
    if evidence and not (reader.enhances and reader.reads):
        raise UserError("--evidence: asks for weights with a generator and an OCR, to compare what each adds")
    if not force:
        _refuse_to_overwrite(reader, out, sources, compare, evidence)
    enhanced = Enhanced({}, list(sources.left_out))
    with _cannot_be_written(out), contextlib.ExitStack() as opened:
        table = opened.enter_context(ReadingsTable(out / READINGS_CSV, reader.plate_format.length)) if reader.reads else None
        try:
            for source in progress(sources.plates):
                try:
                    lr = _lr_images(reader, source, region)
                    if table:
                        reading = reader.read_track(lr.values(), layout=layout, fusion=fusion)
                        enhanced.readings[source.name] = reading
                        table.add(source.name, reading)
                    shown = _Compared(enhanced.readings.get(source.name), layout) if compare else None
                    _enhance_one(reader, source.name, lr, out, shown)
                    if evidence:
                        _write_evidence(out / "evidence", source.name, reader, lr, layout)
                except UserError as error:
                    enhanced.failed.append((source.name, str(error)))
                except OSError as error:
                    if full_disk(error):
                        raise
                    enhanced.failed.append((source.name, f"cannot be written: {error.strerror}"))
        finally:  # also of what was done before Ctrl-C
            _write_readings(out, enhanced, reader, sources.are_tracks)
    return enhanced


@contextlib.contextmanager
def _cannot_be_written(out: pathlib.Path) -> Iterator[None]:
    """Inside it, what the operating system says about the folder is a UserError."""
    try:
        yield
    except OSError as error:
        advice = f"what was read until then is in {READINGS_CSV}; make room" if full_disk(error) else "choose a folder that can"
        raise UserError(f"--out={out}: cannot be written ({error.strerror}); {advice}") from error


def _lr_images(reader: Reader, source: Source, region: Region | None) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
    """The images of a plate by name, refused if one has not the shape of a plate."""
    lr = {name: source_image(image, reader.lr_size, region) for name, image in source.images.items()}
    for name, image in lr.items():
        if reason := reader.shape_reason(image):
            raise UserError(f"{name}: no plate: {reason}" if len(lr) > 1 else f"no plate: {reason}")
    return lr


def _enhance_one(
    reader: Reader,
    plate: str,
    lr: dict[str, UInt8[np.ndarray, "_h _w 3"]],
    out: pathlib.Path,
    compared: _Compared | None,
) -> None:
    if not reader.enhances:
        return
    for name, image in lr.items():
        sr = reader.enhance(image)
        write_png(out / "sr" / f"{name}.png", sr)
        if compared:
            write_png(out / "compare" / f"{name}.png", _comparison(reader, image, {"SR": sr}, compared))
    if _is_fused(reader, lr):
        first, *_ = lr.values()
        fused = reader.enhance_track(lr.values())
        write_png(out / "fused" / f"{plate}.png", fused)
        if compared:
            made = {"SR": reader.enhance(first), "fused": fused}
            write_png(out / "compare" / f"{plate}.png", _comparison(reader, first, made, compared))


def _comparison(
    reader: Reader,
    lr: UInt8[np.ndarray, "h w 3"],
    made: dict[str, UInt8[np.ndarray, "rh rw 3"]],
    compared: _Compared,
) -> UInt8[np.ndarray, "ph pw 3"]:
    """The images side by side, each with what the OCR reads in it, if there is one."""
    columns = compared_images(lr, made, reader.scale)
    readings = {}
    if reader.reads:
        for title, source in READ_IN.items():
            if title in columns:
                readings[title] = reader.read_as_it_is(columns[title], layout=compared.layout, source=source)
    return comparison_picture(columns, readings, compared.plate)


def _write_evidence(
    folder: pathlib.Path, plate: str, reader: Reader, lr: dict[str, UInt8[np.ndarray, "h w 3"]], layout: str | None
) -> None:
    evidence = reader.evidence(lr.values(), layout=layout)
    first, *_ = lr.values()
    made = ("fused", reader.enhance_track(lr.values())) if _is_fused(reader, lr) else ("SR", reader.enhance(first))
    write_png(folder / f"{plate}.png", evidence_picture(evidence, first, made, reader.scale))
    write_atomically(folder / f"{plate}.json", (json.dumps(evidence.to_dict(), indent=2, ensure_ascii=False) + "\n").encode())


def _is_fused(reader: Reader, images_by_name: Collection[str]) -> bool:
    return reader.fuses and len(images_by_name) > 1


def write_png(path: pathlib.Path, image: UInt8[np.ndarray, "h w 3"]) -> None:
    """Writes an image, RGB, whole or not at all."""
    write_atomically(path, cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())


def _refuse_to_overwrite(reader: Reader, out: pathlib.Path, sources: Sources, compare: bool, evidence: bool) -> None:
    frames = [name for source in sources.plates for name in source.images]
    tracks = [source.name for source in sources.plates if _is_fused(reader, source.images)]
    targets = [out / name for name in (READINGS_JSON, READINGS_CSV, SUBMISSION)]
    for kind, names in {"sr": frames, "fused": tracks, "compare": [*frames, *tracks] if compare else []}.items():
        targets += [out / kind / f"{name}.png" for name in names]
    if evidence:
        targets += [out / "evidence" / f"{source.name}{ending}" for source in sources.plates for ending in (".png", ".json")]
    existing = [target for target in targets if target.exists()]
    if existing:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise UserError(f"--out={out}: {existing[0]} exists{more}; choose another folder, or overwrite with --force")


def _write_readings(out: pathlib.Path, enhanced: Enhanced, reader: Reader, are_tracks: bool) -> None:
    record: dict[str, Any] = {
        "device": reader.device,
        "calibrated": reader.calibrated,
        "readings": [{"name": storable(name), **reading.to_dict()} for name, reading in enhanced.readings.items()],
        "failed": [{"name": storable(name), "reason": storable(reason)} for name, reason in enhanced.failed],
    }
    write_atomically(out / READINGS_JSON, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
    if reader.reads and are_tracks:
        write_atomically(out / SUBMISSION, _submission(enhanced.readings).encode())


def _submission(readings: dict[str, Reading]) -> str:
    """The competition's form, one track per line, by the name of its folder."""
    lines = ((printable(pathlib.PurePosixPath(name).name), reading) for name, reading in readings.items())
    return "".join(f"{name},{reading.text};{reading.confidence:.4f}\n" for name, reading in lines)
