"""Enhance and read plates: lpasrn enhance plate.jpg -o out

The input is an image that a plate fills, a folder of such images, a folder of tracks, or a video; --box or --corners say where
the plate is in a photograph or a video. Writes out/sr/NAME.png, of tracks also out/fused/TRACK.png, one image of all frames;
readings.csv, readings.json and, of tracks, submission.txt. Exits with 1 if some of the input could not be used, naming each: an
image that has not the shape of a plate is none.
"""

from __future__ import annotations

import argparse
import functools
import pathlib
import sys

from lpasrn_jax.commands.reading_flags import UNCALIBRATED, add_reading_arguments, load_reader
from lpasrn_jax.escape import printable
from lpasrn_jax.wording import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = "an image, a video, a folder of images or of tracks"
    inputs = parser.add_mutually_exclusive_group(required=True)
    inputs.add_argument("input", nargs="?", type=pathlib.Path, metavar="INPUT", help=what)
    inputs.add_argument("-i", "--input", dest="flagged", type=pathlib.Path, metavar="INPUT", help="the same as a flag")
    parser.add_argument("-o", "--out", required=True, type=pathlib.Path, help="the folder to write into")
    add_reading_arguments(parser)
    parser.add_argument("--compare", action="store_true", help="also write LR, bicubic and SR side by side")
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="also write what the reading rests on, the pixels or the generator, for each character",
    )
    parser.add_argument("--force", action="store_true", help="overwrite files in --out")


def run(flags: argparse.Namespace) -> int:
    from tqdm import tqdm

    from lpasrn_jax.commands.enhance_files import enhance_files
    from lpasrn_jax.commands.sources import find_sources
    from lpasrn_jax.reading.region import Region

    reader = load_reader(flags)
    region = Region(flags.box, flags.corners) if flags.box or flags.corners else None
    sources = find_sources(flags.input or flags.flagged, reader.plate_format, region)
    options = dict(region=region, layout=flags.layout, fusion=flags.fusion, compare=flags.compare, evidence=flags.evidence)
    bar = functools.partial(tqdm, unit="plate", desc=reader.device, disable=None)
    enhanced = enhance_files(reader, sources, flags.out, progress=bar, force=flags.force, **options)
    for name, reading in enhanced.readings.items():
        print(printable(f"{name}  {reading}"))
    if enhanced.readings and not reader.calibrated:
        print(UNCALIBRATED)
    for name, reason in enhanced.failed:
        print(printable(f"failed: {name}: {reason}"), file=sys.stderr)
    print(f"{counted(len(sources.plates), 'plate')} on {reader.device}; results in {printable(str(flags.out))}")
    return 1 if enhanced.failed else 0
