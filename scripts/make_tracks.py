"""Make synthetic tracks in the data layout: python scripts/make_tracks.py --out data/train --tracks 2000"""

import argparse
import os

from tqdm import tqdm

from lpasrn_jax.errors import one_line_errors
from lpasrn_jax.synthetic import write_tracks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="root folder; empty or missing, unless --overwrite")
    parser.add_argument("--tracks", type=int, default=2000, help="number of tracks, each of 5 LR and 5 HR frames (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed writes the same bytes (%(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; all cores if not given")
    parser.add_argument(
        "--scenario-b", type=float, default=0.25, help="share of tracks at night or in rain, without corners (%(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="remove the tracks that are in --out first")
    flags = parser.parse_args()
    # The bar waits, so that an error stands alone.
    with one_line_errors(), tqdm(total=flags.tracks, unit="track", delay=0.5) as bar:
        write_tracks(
            flags.out,
            flags.tracks,
            seed=flags.seed,
            scenarios={"Scenario-A": 1 - flags.scenario_b, "Scenario-B": flags.scenario_b},
            workers=flags.workers,
            overwrite=flags.overwrite,
            progress=bar.update,
        )


if __name__ == "__main__":
    main()
