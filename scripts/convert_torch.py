"""Convert PyTorch weights: python scripts/convert_torch.py best.pth weights/original

Reads an LP-ASRN checkpoint (or torchvision's ResNet-18, for the embedder) and writes weights/original.safetensors and .json.
"""

import argparse

from lpasrn_jax.errors import one_line_errors
from lpasrn_jax.escape import printable
from lpasrn_jax.weights.torch_import import convert


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="a .pth or .safetensors file")
    parser.add_argument("destination", help="path of the result, without an ending")
    parser.add_argument("--msca-scales", type=float, nargs="+", help="the generator's, if not 1, 1/2, 1/4: no tensor tells them")
    flags = parser.parse_args()
    with one_line_errors():
        bundle = convert(flags.source, flags.destination, flags.msca_scales)
    for key, value in bundle.config["model"].items() if "generator" in bundle.params else ():
        print(f"{key:28}{value}")
    for key in bundle.about["unused"]:
        print(printable(f"unused: {key}"))
    print(f"wrote {flags.destination}")


if __name__ == "__main__":
    main()
