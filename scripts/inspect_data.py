"""Look into a set of tracks: python scripts/inspect_data.py --data-root data/train --out inspected

Writes report.md, statistics.json, histograms and contact sheets. --against OTHER puts another set beside it. Plates, image sizes
and augmentation are those of --config, whose keys are overrides: --config.data.augment.rotation_degrees=8
"""

import argparse
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))  # a config imports configs.base

from lpasrn_jax.errors import one_line_errors
from lpasrn_jax.escape import printable
from lpasrn_jax.signals import exit_on_signals

CONFIG = pathlib.Path(__file__).resolve().parents[1] / "configs" / "stage1.py"


def main():
    from tqdm import tqdm

    from lpasrn_jax import runtime
    from lpasrn_jax.commands.inspect_data import inspect_data
    from lpasrn_jax.commands.training_flags import load_config, split_overrides

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", required=True, help="folder of tracks")
    parser.add_argument("--out", required=True, help="the folder to write into")
    parser.add_argument("--against", help="another folder of tracks, to compare with")
    parser.add_argument("--config", default=CONFIG, help="a stage's config, such as configs/stage2.py:quick (configs/stage1.py)")
    parser.add_argument("--rows", type=int, default=12, help="of each contact sheet (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of rows and of the augmentation (%(default)s)")
    parser.add_argument("--whole-frames", action="store_true", help="leave corners out of account, as for a set that has none")
    parser.add_argument("--unlabelled", action="store_true", help="LR frames alone make a track, as in a test set")
    own, overrides = split_overrides(sys.argv[1:])
    flags = parser.parse_args(own)
    runtime.enable_compilation_cache()
    with one_line_errors():
        inspect_data(
            flags.data_root,
            flags.out,
            config=load_config(str(flags.config), overrides),
            against=flags.against,
            rows=flags.rows,
            seed=flags.seed,
            whole_frames=flags.whole_frames,
            labelled=not flags.unlabelled,
            progress=lambda tracks, name: tqdm(tracks, desc=name, unit="track", disable=None),
        )
    print(f"report: {printable(flags.out)}/report.md")


if __name__ == "__main__":
    exit_on_signals()
    main()
