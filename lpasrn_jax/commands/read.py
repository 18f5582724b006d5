"""Read plates: lpasrn read plate.jpg

Each input is an image that a plate fills, a folder of such images, or a folder of tracks or a video, whose frames are read
together. --box or --corners say where the plate is in a photograph or a video. Prints the text, its confidence, and for each
doubtful character those that it may be too; of an image that shows no plate, why. --json prints one JSON object per line, and
nothing else on stdout: {"input": ..., "is_plate": true, "text": ..., "confidence": ...}, or {"input": ..., "error": ...}.
--fused writes FOLDER/TRACK.png, one image made of all frames of a track or a video, which JSON names as "fused".

Exit code: 0 if all was read, 1 if some input could not be used, 2 if the command is wrong, 3 if some image shows no plate, or its
reading has less than --min-confidence.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from typing import TYPE_CHECKING, Any

from lpasrn_jax.commands.reading_flags import NO_CHECK, UNCALIBRATED, add_reading_arguments, load_reader
from lpasrn_jax.errors import UserError
from lpasrn_jax.escape import printable, storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lpasrn_jax.reading.reader import RGB, Reader
    from lpasrn_jax.reading.reading import Reading

NOT_READ, FAILED = 3, 1
DOUBTFUL = 0.99  # characters less probable than this are shown with what they may be too
NAMED = 0.005  # and of these, those at least so probable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs", nargs="+", type=pathlib.Path, metavar="INPUT", help="an image, a video, a folder of images or of tracks"
    )
    add_reading_arguments(parser)
    parser.add_argument("--fused", type=pathlib.Path, metavar="FOLDER", help="write one image of all frames of each track there")
    parser.add_argument("--json", action="store_true", help="one JSON object per line, and nothing else on stdout")


def run(flags: argparse.Namespace) -> int:
    from lpasrn_jax.commands.sources import find_sources, source_image
    from lpasrn_jax.reading.region import Region

    reader = load_reader(flags)
    if flags.fused and not reader.fuses:
        raise UserError("--fused: these weights have no fusion; expected some that have, such as lite")
    show = _print_json if flags.json else _print_text
    region = Region(flags.box, flags.corners) if flags.box or flags.corners else None
    codes = {0}
    for path in flags.inputs:
        try:
            sources = find_sources(path, reader.plate_format, region)
        except UserError as error:
            _print_failure(str(path), str(error), flags.json)
            codes.add(FAILED)
            continue
        for source in sources.plates:
            name = str(path / source.name) if path.is_dir() and len(sources.plates) > 1 else str(path)
            try:
                images = [source_image(image, reader.lr_size, region) for image in source.images.values()]
                reading = reader.read_track(images, layout=flags.layout, fusion=flags.fusion)
                fused = _write_fused(flags.fused, source.name, images, reader) if flags.fused and reading.is_plate else None
            except UserError as error:
                _print_failure(name, str(error), flags.json)
                codes.add(FAILED)
            else:
                show(name, reading, fused)
                codes.add(0 if reading.is_plate and not reading.rejected else NOT_READ)
        for name, reason in sources.left_out:
            _print_failure(str(path / name), reason, flags.json)
            codes.add(FAILED)
    if not reader.knows_plates:
        print(NO_CHECK, file=sys.stderr)
    if not reader.calibrated:
        print(UNCALIBRATED, file=sys.stderr)
    return FAILED if FAILED in codes else max(codes)


def _write_fused(folder: pathlib.Path, plate: str, images: Sequence[RGB], reader: Reader) -> pathlib.Path | None:
    """The file of the one image made of a track's frames; None for a plate of which there is one image alone."""
    from lpasrn_jax.commands.enhance_files import write_png

    if len(images) == 1:
        return None
    path = folder / f"{plate}.png"
    if path.exists():
        raise UserError(f"--fused: {path} exists; remove it, or choose another folder")
    try:
        write_png(path, reader.enhance_track(images))
    except OSError as error:
        raise UserError(f"--fused: {path} cannot be written: {error.strerror}; choose another folder") from error
    return path


def _print_text(name: str, reading: Reading, fused: pathlib.Path | None) -> None:
    print(printable(f"{name}  {reading}{f'  {reading.layout}' if reading.is_plate else ''}"))
    for line in doubts(reading) if reading.is_plate else ():
        print(f"    {line}")
    if fused:
        print(printable(f"    fused image: {fused}"))


def doubts(reading: Reading) -> list[str]:
    """A line for each character that may be another, in the order of the text."""
    lines = []
    for place, ((character, probability), others) in enumerate(zip(reading.slots, reading.runners_up, strict=True), start=1):
        named = ", ".join(f"{c} {p:.1%}" for c, p in others if p >= NAMED)
        if probability < DOUBTFUL and named:
            lines.append(f"character {place}: {character} {probability:.1%}, or {named}")
    return lines


def _print_json(name: str, reading: Reading, fused: pathlib.Path | None) -> None:
    _print_line({"input": name, **reading.to_dict(), **({"fused": str(fused)} if fused else {})})


def _print_failure(name: str, reason: str, as_json: bool) -> None:
    reason = reason.removeprefix(f"{name}: ")
    if as_json:
        _print_line({"input": name, "error": reason})
    print(printable(f"failed: {name}: {reason}"), file=sys.stderr)


def _print_line(record: dict[str, Any]) -> None:
    print(storable(json.dumps(record, ensure_ascii=False)))
