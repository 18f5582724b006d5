"""Make tracks in the data layout: lpasrn make-tracks --out data/train --tracks 2000

They are synthetic, or made from photographs of plates:
lpasrn make-tracks --out data/train --from-images DIR --labels labels.csv

Plates of other countries: --layouts German=LLNNNN Dutch=LNNNLL
"""

from __future__ import annotations

import argparse
import os

from lpasrn_jax.commands import plate_flags
from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import ALPHABET


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, help="root folder; empty or missing, unless --overwrite")
    parser.add_argument("--tracks", type=int, help="number of tracks, each of 5 LR and 5 HR frames (2000, or one per photograph)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed writes the same bytes (%(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; all cores if not given")
    parser.add_argument(
        "--scenario-b",
        type=float,
        default=0.25,
        help="share of synthetic tracks at night or in rain, without corners (%(default)s)",
    )
    parser.add_argument(
        "--not-aligned",
        action="store_true",
        help="synthetic HR frames are other moments than LR frames, as in the sets of the field",
    )
    parser.add_argument("--layouts", nargs="+", metavar="NAME[=PATTERN]", help=plate_flags.LAYOUTS_HELP)
    parser.add_argument("--alphabet", default=ALPHABET, help="the characters that plates have (%(default)s)")
    parser.add_argument("--kinds", nargs="+", default=(), metavar="LETTER=CHARACTERS", help=plate_flags.KINDS_HELP)
    parser.add_argument("--from-images", help="folder of HR photographs of plates, in place of synthetic plates")
    parser.add_argument("--labels", help="their CSV file: file,plate_text,plate_layout")
    parser.add_argument("--overwrite", action="store_true", help="remove the tracks that are in --out first")


def run(flags: argparse.Namespace) -> None:
    from tqdm import tqdm

    from lpasrn_jax.synthetic import read_labels, write_photograph_tracks, write_tracks

    def bar(total: int) -> tqdm:
        """A progress bar that waits, so that an error stands alone."""
        return tqdm(total=total, unit="track", delay=0.5)

    if (flags.from_images is None) != (flags.labels is None):
        raise UserError("--from-images and --labels go together; give both, or neither for synthetic tracks")
    plate_format = plate_flags.plate_format(flags.layouts, flags.alphabet, flags.kinds)
    shared = {"seed": flags.seed, "workers": flags.workers, "overwrite": flags.overwrite}
    if flags.from_images is None:
        number = 2000 if flags.tracks is None else flags.tracks
        scenarios = {"Scenario-A": 1 - flags.scenario_b, "Scenario-B": flags.scenario_b}
        with bar(number) as progress:
            options = {"scenarios": scenarios, "aligned": not flags.not_aligned, "plate_format": plate_format}
            write_tracks(flags.out, number, progress=progress.update, **options, **shared)
    else:
        photographs = read_labels(flags.labels, flags.from_images, plate_format)
        with bar(len(photographs) if flags.tracks is None else flags.tracks) as progress:
            write_photograph_tracks(flags.out, photographs, num_tracks=flags.tracks, progress=progress.update, **shared)
