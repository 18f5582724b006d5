"""Benchmarks that compare two things in one run: python scripts/bench.py model, train, deform, reading, data or onnx.

model: the generator's forward pass beside PyTorch's. train: its training step beside PyTorch's, and the step of each stage.
deform: the implementations of dcnv4_jax beside each other. reading: plates one by one, in batches and as tracks. data: what the
pipeline delivers beside what a training step eats. onnx: a plate in ONNX Runtime beside JAX, in the environment of `make onnx`.
What follows goes to the benchmark: python scripts/bench.py model --help
"""

from lpasrn_jax.signals import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()

import argparse
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BENCHMARKS = {
    "model": ["parity.bench_generator"],
    "train": ["parity.bench_training"],
    "deform": ["dcnv4_jax.bench"],
    "reading": ["lpasrn_jax", "bench"],
    "data": ["lpasrn_jax.commands.bench_data"],
    "onnx": ["lpasrn_jax.commands.bench_onnx"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the benchmark")
    flags = parser.parse_args()
    # A module of its own process: parity is in the checkout and not in the package.
    command = [sys.executable, "-m", *BENCHMARKS[flags.benchmark], *flags.arguments]
    raise SystemExit(subprocess.run(command, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
