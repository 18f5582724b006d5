"""Export a model: lpasrn export --checkpoint runs/a/best --out plates.safetensors (or reader.onnx, or generator.stablehlo)

plates.safetensors and plates.json beside it hold the generator and the OCR, and what tells plates from other images, which is
fitted to that OCR in a minute; lp.load takes them without Orbax or the run's folder.
reader.onnx takes LR images, float32 [b, height, width, 3] in [-1, 1], any b, and gives the SR images `sr` and the calibrated
log-probabilities `log_probs` of each slot's characters; ONNX Runtime runs it without JAX (examples/read_onnx.py). Writing it
needs jax2onnx, in an environment of its own: make onnx.
generator.stablehlo is a serialised jax.export program: float32 [b, height, width, 3] in [-1, 1] to the same times the scale, any
b. To run it:

    program = jax.export.deserialize(pathlib.Path("generator.stablehlo").read_bytes())
    sr = program.call(images)
"""

from __future__ import annotations

import argparse
import tempfile

from lpasrn_jax.commands.reading_flags import add_weights_argument
from lpasrn_jax.errors import UserError
from lpasrn_jax.escape import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_weights_argument(parser)
    parser.add_argument(
        "--out",
        required=True,
        help="the file to write: NAME.safetensors for weights, NAME.onnx, or any other for a StableHLO program",
    )
    parser.add_argument("--note", default="", help="for the card of weights: what they were trained on, what they are not for")
    parser.add_argument(
        "--check-tracks",
        type=int,
        default=200,
        help="synthetic tracks to which weights are fitted that tell plates from other images; 0 for none (%(default)s)",
    )
    parser.add_argument(
        "--calibrate-on",
        metavar="TRACKS",
        help="a folder of tracks that nothing was trained on, to which the confidence is fitted anew",
    )
    parser.add_argument(
        "--mean-with",
        metavar="WEIGHTS",
        help="take the mean of the parameters with those that these weights hold, such as of the stage before (arXiv 2109.01903)",
    )
    parser.add_argument("--mean-share", type=float, help="of --mean-with in the mean, from 0 to 1 (0.5, half of each)")
    parser.add_argument("--half", action="store_true", help="store weights in float16: half the size")
    parser.add_argument("--height", type=int, help="of the images that a program takes; as in training if not given")
    parser.add_argument("--width", type=int)
    parser.add_argument("--platforms", nargs="+", default=["cpu", "cuda"], help="where the program is to run")


def run(flags: argparse.Namespace) -> None:
    from lpasrn_jax.weights.bundle import save_bundle
    from lpasrn_jax.weights.export import mean_of, reading_bundle, write_export
    from lpasrn_jax.weights.load import load_weights

    if flags.mean_share is not None and not flags.mean_with:
        raise UserError(f"--mean-share={flags.mean_share}: expected --mean-with, the weights of which this is the share")
    bundle = load_weights(flags.checkpoint)
    if flags.mean_with:
        share = 0.5 if flags.mean_share is None else flags.mean_share
        bundle = mean_of(bundle, load_weights(flags.mean_with), flags.mean_with, share)
    if flags.out.endswith(".safetensors"):
        reading = reading_bundle(bundle, flags.note)
        if flags.calibrate_on:
            from lpasrn_jax.evaluation.recalibrate import recalibrated

            with tempfile.TemporaryDirectory() as prepared:
                reading = recalibrated(reading, flags.calibrate_on, prepared)
        if flags.check_tracks and "ocr" in reading.params:
            from lpasrn_jax.commands.plate_check import with_plate_check

            reading = with_plate_check(reading, flags.check_tracks)
        print(f"wrote {printable(str(save_bundle(flags.out, reading, half=flags.half)))} and the card beside it")
        return
    if flags.out.endswith(".onnx"):
        from lpasrn_jax.weights.bundle import Calibration
        from lpasrn_jax.weights.onnx_export import write_onnx

        temperature = (bundle.calibration or Calibration()).temperature
        differences = write_onnx(flags.out, bundle.model, bundle.params, temperature)
        shown = ", ".join(f"{name} {difference:.1e}" for name, difference in differences.items())
        print(f"wrote {printable(flags.out)}; largest differences from the model: {shown}")
        return
    if "generator" not in bundle.params:
        raise UserError(f"{flags.checkpoint}: holds {', '.join(sorted(bundle.params))}, but no generator to export")
    size = (flags.height or bundle.model.lr_size[0], flags.width or bundle.model.lr_size[1])
    difference = write_export(flags.out, bundle.model, bundle.params, size, flags.platforms)
    print(f"wrote {printable(flags.out)}; largest difference from the model {difference:.1e}")
