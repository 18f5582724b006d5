"""Times the generator's forward pass beside PyTorch's for the same network: `python scripts/bench.py model`.

Each measurement is a process of its own, so that its memory is one side's alone; the sides take turns, so that a machine that
slows down slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

# The network of the PyTorch original, in both; and this project's default, which no PyTorch program runs without a GPU.
NETWORKS = {
    "offset-only": {"use_dcnv4": False, "msca_prototype_guidance": False},
    "DCNv4": {},
}
SIDES = {  # row of the table: (worker, network, whether the compilation cache has the program)
    "PyTorch, offset-only": ("torch", "offset-only", False),
    "JAX, offset-only, no cache": ("jax", "offset-only", False),
    "JAX, offset-only, cached": ("jax", "offset-only", True),
    "JAX, DCNv4, no cache": ("jax", "DCNv4", False),
    "JAX, DCNv4, cached": ("jax", "DCNv4", True),
}


def main(arguments: list[str]) -> None:
    """Prints a Markdown table: median forward time, first call, memory; the ratio of forward times to PyTorch's."""
    parser = argparse.ArgumentParser(prog="bench.py model", description=main.__doc__)
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--calls", type=int, default=20, help="timed calls a process")
    parser.add_argument("--rounds", type=int, default=3, help="processes a row; they take turns")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--network", default="DCNv4", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, nargs=2, help=argparse.SUPPRESS)
    flags = parser.parse_args(arguments)
    if flags.worker:
        print(json.dumps(WORKERS[flags.worker](flags)))
        return
    from lpasrn_jax.models.plate_model import LR_SIZE  # with JAX, of which PyTorch's processes must hold nothing

    arguments = [*arguments, "--size", *map(str, LR_SIZE)]
    results = {row: [] for row in SIDES}
    with tempfile.TemporaryDirectory() as cache:
        for worker, network, cached in SIDES.values():
            if cached:
                _run(worker, network, cache, arguments)  # fills the cache
        for _ in range(flags.rounds):
            for row, (worker, network, cached) in SIDES.items():
                results[row].append(_run(worker, network, cache if cached else "", arguments))
    print(f"1 x {LR_SIZE[0]} x {LR_SIZE[1]}, {flags.features} features, {flags.blocks} blocks, {os.cpu_count()} CPU cores\n")
    print("| | forward, ms | times PyTorch's speed | first call, s | memory added, MiB | parameters |")
    print("|---|---|---|---|---|---|")
    median = {row: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for row, runs in results.items()}
    reference = next(iter(median.values()))["forward_ms"]
    for row, figures in median.items():
        print(
            f"| {row} | {figures['forward_ms']:.1f} | {reference / figures['forward_ms']:.2f} | {figures['first_s']:.2f} "
            f"| {figures['memory_mib']:.0f} | {figures['parameters']:,} |"
        )


def _run(worker: str, network: str, cache: str, arguments: list[str]) -> dict[str, float]:
    """One measurement in a new process; `cache` is the compilation cache's folder, empty for none."""
    command = [sys.executable, "-m", "parity.bench_generator", *arguments, f"--worker={worker}", f"--network={network}"]
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    if cache:
        environment |= {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    return json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _measure(call: Callable[[], object], calls: int, parameters: int) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    call()
    first = time.perf_counter() - start
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"forward_ms": statistics.median(times) * 1e3, "first_s": first, "memory_mib": added / 1024, "parameters": parameters}


def _jax_worker(flags: argparse.Namespace) -> dict[str, float]:
    import jax

    from lpasrn_jax.models.generator import Generator

    generator = Generator(features=flags.features, num_rrdb_blocks=flags.blocks, **NETWORKS[flags.network])
    image = np.random.default_rng(0).uniform(-1, 1, (1, *flags.size, 3)).astype(np.float32)
    shapes = jax.eval_shape(generator.init, jax.random.key(0), image)
    rng = np.random.default_rng(1)
    variables = jax.tree.map(lambda leaf: jax.device_put(rng.normal(0, 0.02, leaf.shape).astype(np.float32)), shapes)
    apply = jax.jit(generator.apply)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(variables))
    return _measure(lambda: jax.block_until_ready(apply(variables, image)), flags.calls, parameters)


def _torch_worker(flags: argparse.Namespace) -> dict[str, float]:
    import torch

    from parity import reference_generator

    generator = reference_generator.Generator(
        f=flags.features, blocks=flags.blocks, deformable="offsets", shift=0, msca_scales=(1.0, 0.5, 0.25)
    ).eval()
    image = torch.rand(1, 3, *flags.size) * 2 - 1
    with torch.inference_mode():
        return _measure(lambda: generator(image), flags.calls, sum(p.numel() for p in generator.parameters()))


WORKERS = {"jax": _jax_worker, "torch": _torch_worker}

if __name__ == "__main__":
    main(sys.argv[1:])
