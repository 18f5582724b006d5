"""Convert PyTorch weights: lpasrn convert best.pth weights/original

Reads an LP-ASRN checkpoint (or torchvision's ResNet-18, for the embedder) and writes weights/original.safetensors and .json.
"""

from __future__ import annotations

import argparse

from lpasrn_jax.escape import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="a .pth or .safetensors file")
    parser.add_argument("destination", help="path of the result, without an ending")
    parser.add_argument("--msca-scales", type=float, nargs="+", help="the generator's, if not 1, 1/2, 1/4: no tensor tells them")


def run(flags: argparse.Namespace) -> None:
    from lpasrn_jax.weights.torch_import import convert

    bundle = convert(flags.source, flags.destination, flags.msca_scales)
    for key, value in bundle.config["model"].items() if "generator" in bundle.params else ():
        print(printable(f"{key:28}{value}"))
    for key in bundle.about["unused"]:
        print(printable(f"unused: {key}"))
    print(f"wrote {printable(flags.destination)}")
