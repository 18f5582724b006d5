"""The flags of commands that read plates, and the reader that they ask for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lpasrn_jax.weights import DEFAULT

if TYPE_CHECKING:
    from lpasrn_jax.reading.reader import Reader

WEIGHTS = "a bundled model (`lpasrn weights`), a .safetensors file, or a training checkpoint such as runs/a/best (%(default)s)"


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    add_weights_argument(parser)
    parser.add_argument("--layout", help="of all plates, such as Mercosur, in any case; detected for each if not given")
    parser.add_argument(
        "--fusion", default="log_probs", help="how the frames of a track become one text: log_probs, hc, mv, mvcp"
    )
    parser.add_argument("--box", type=_box, metavar="X,Y,W,H", help="of the plate in each image, in pixels")
    parser.add_argument(
        "--corners",
        type=_corners,
        metavar="X,Y,X,Y,X,Y,X,Y",
        help="of the plate in each image, in pixels: top-left, top-right, bottom-right, bottom-left",
    )
    parser.add_argument("--min-confidence", type=float, default=0.0, help="readings below it are marked as rejected")
    parser.add_argument("--no-cache", action="store_true", help="compile anew, and keep no program for the next command")
    parser.add_argument("--device", help="cpu or gpu; the fastest there is if not given")


def add_weights_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", default=DEFAULT, metavar="WEIGHTS", help=WEIGHTS)


def _box(text: str) -> list[float]:
    return _numbers(text, 4)


def _corners(text: str) -> list[list[float]]:
    numbers = _numbers(text, 8)
    return [numbers[i : i + 2] for i in range(0, 8, 2)]


def _numbers(text: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise argparse.ArgumentTypeError(f"{text!r} found; expected {count} numbers, separated by commas")
    return numbers


def load_reader(flags: argparse.Namespace) -> Reader:
    """The reader that the flags of `add_reading_arguments` ask for; programs that it compiles are kept for the next command."""
    from lpasrn_jax.reading.load import load

    reader = load(flags.checkpoint, device=flags.device, min_confidence=flags.min_confidence, cache=not flags.no_cache)
    reader.check(layout=flags.layout, fusion=flags.fusion)
    return reader


NO_CHECK = "these weights tell plates from other images by size and shape alone; `lpasrn export` fits what sees more"
UNCALIBRATED = "no calibration came with these weights: the probabilities are the network's own, and often too high"
