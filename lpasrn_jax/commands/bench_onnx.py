"""A plate in ONNX Runtime beside JAX: .venv-onnx/bin/python scripts/bench.py onnx

Both compute SR image and log-probabilities of one LR image, in turn, on the CPU; JAX with the kernels and the programs that it
reads plates with. Also the size of the file and how far its outputs are from the model's.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile

import jax
import numpy as np
import onnxruntime

from lpasrn_jax import runtime
from lpasrn_jax.commands.bench import median_seconds
from lpasrn_jax.errors import one_line_errors
from lpasrn_jax.weights.load import bundled_names, load_weights
from lpasrn_jax.weights.onnx_export import write_onnx
from lpasrn_jax.witnesses import AS_IT_IS, ENLARGED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", nargs="+", default=bundled_names(), help="bundled models or files (%(default)s)")
    parser.add_argument("--rounds", type=int, default=30, help="rounds of which the median is taken (%(default)s)")
    flags = parser.parse_args()
    runtime.enable_compilation_cache()
    with one_line_errors(), tempfile.TemporaryDirectory() as folder:
        print("| weights | file, MB | largest difference, SR in [-1, 1] / log-probabilities | ONNX Runtime, ms | JAX, ms |")
        print("|---|---|---|---|---|")
        for name in flags.weights:
            print(f"| {' | '.join(_row(name, pathlib.Path(folder) / 'reader.onnx', flags.rounds))} |", flush=True)


def _row(name: str, path: pathlib.Path, rounds: int) -> list[str]:
    bundle = load_weights(name)
    model, params = bundle.model, bundle.params
    differences = write_onnx(path, model, params, temperature=1.0)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).uniform(-1, 1, (1, *model.lr_size, 3)).astype(np.float32)

    enlarge, log_probs = jax.jit(model.enlargements), jax.jit(model.log_probs)

    def read_by_jax():
        enlarged = enlarge(params, images)
        return enlarged[ENLARGED], [log_probs(params, enlarged[kind]) for kind in (AS_IT_IS, ENLARGED)]

    params = jax.device_put(params)
    ways = {
        "onnx": lambda: session.run(None, {"images": images}),
        "jax": lambda: jax.block_until_ready(read_by_jax()),
    }
    medians = median_seconds(ways, rounds)
    apart = f"{differences['sr']:.1e} / {differences['log_probs']:.1e}"
    return [f"`{name}`", f"{path.stat().st_size / 1e6:.1f}", apart, *(f"{medians[way] * 1e3:.1f}" for way in ways)]


if __name__ == "__main__":
    main()
