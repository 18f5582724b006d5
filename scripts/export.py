"""Export a model: python scripts/export.py --checkpoint runs/a/best --out generator.stablehlo (or plates.safetensors)

plates.safetensors and plates.json beside it hold the generator and the OCR; lp.load takes them without Orbax or the run's folder.
generator.stablehlo is a serialised jax.export program: float32 [b, height, width, 3] in [-1, 1] to the same times the scale, any
b. To run it:

    program = jax.export.deserialize(pathlib.Path("generator.stablehlo").read_bytes())
    sr = program.call(images)
"""

import argparse

from lpasrn_jax.errors import UserError, one_line_errors
from lpasrn_jax.weights.bundle import save_bundle
from lpasrn_jax.weights.export import reading_bundle, write_export
from lpasrn_jax.weights.load import load_weights


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--checkpoint", required=True, help="a bundled model's name, a .safetensors file, or a training checkpoint"
    )
    parser.add_argument("--out", required=True, help="the file to write: NAME.safetensors for weights, any other for a program")
    parser.add_argument("--note", default="", help="for the card of weights: what they were trained on, what they are not for")
    parser.add_argument("--height", type=int, help="of the images that a program takes; as in training if not given")
    parser.add_argument("--width", type=int)
    parser.add_argument("--platforms", nargs="+", default=["cpu", "cuda"], help="where the program is to run")
    flags = parser.parse_args()
    with one_line_errors():
        bundle = load_weights(flags.checkpoint)
        if flags.out.endswith(".safetensors"):
            print(f"wrote {save_bundle(flags.out, reading_bundle(bundle, flags.note))} and the card beside it")
            return
        if "generator" not in bundle.params:
            raise UserError(f"{flags.checkpoint}: holds {', '.join(sorted(bundle.params))}, but no generator to export")
        size = (flags.height or bundle.model.lr_size[0], flags.width or bundle.model.lr_size[1])
        difference = write_export(flags.out, bundle.model, bundle.params, size, flags.platforms)
    print(f"wrote {flags.out}; largest difference from the model {difference:.1e}")


if __name__ == "__main__":
    main()
