"""Enhance and read plates: python scripts/enhance.py -i plate.jpg -o out

The input is an image, a folder of images, or a folder of tracks. Exits with 1 if any of them could not be used, naming each.
"""

import argparse
import functools
import pathlib
import sys

from tqdm import tqdm

import lpasrn_jax as lp
from lpasrn_jax import runtime
from lpasrn_jax.commands.enhance_files import enhance_files
from lpasrn_jax.commands.sources import find_sources
from lpasrn_jax.errors import one_line_errors
from lpasrn_jax.escape import printable
from lpasrn_jax.reading.fusion import FUSIONS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="lite", help="a checkpoint, a .safetensors file, or the bundled %(default)s")
    parser.add_argument("-i", "--input", required=True, type=pathlib.Path, help="an image, a folder of images or of tracks")
    parser.add_argument("-o", "--out", required=True, type=pathlib.Path, help="the folder to write into")
    parser.add_argument("--layout", help="of all plates, such as Mercosur; detected for each if not given")
    parser.add_argument("--fusion", default="log_probs", choices=FUSIONS, help="how the frames of a track become one text")
    parser.add_argument("--min-confidence", type=float, default=0.0, help="readings below it are marked as rejected")
    parser.add_argument("--device", help="cpu or gpu; the fastest there is if not given")
    parser.add_argument("--compare", action="store_true", help="also write LR, bicubic and SR side by side")
    parser.add_argument("--force", action="store_true", help="overwrite files in --out")
    flags = parser.parse_args()
    runtime.enable_compilation_cache()
    with one_line_errors():
        reader = lp.load(flags.checkpoint, device=flags.device, min_confidence=flags.min_confidence)
        sources = find_sources(flags.input, reader.plate_format)
        options = dict(layout=flags.layout, fusion=flags.fusion, compare=flags.compare, force=flags.force)
        bar = functools.partial(tqdm, unit="plate", desc=reader.device, disable=None)
        found = enhance_files(reader, sources, flags.out, progress=bar, **options)
    for name, reading in found.readings.items():
        print(printable(f"{name}  {reading}"))
    if found.readings and not reader.calibrated:
        print("no calibration came with these weights: the probabilities are the network's own, and often too high")
    for name, reason in found.failed:
        print(printable(f"failed: {name}: {reason}"), file=sys.stderr)
    print(f"{len(sources.plates)} plates on {reader.device}; results in {printable(str(flags.out))}")
    sys.exit(1 if found.failed else 0)


if __name__ == "__main__":
    main()
