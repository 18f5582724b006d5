"""Times training steps on this machine: `python scripts/bench.py train`.

First the generator's step beside PyTorch's for the same network: forward, backward, gradients clipped, Adam. Then the step of
each stage at the small size and at the guide's. Each measurement is a process of its own, with memory in huge pages as training
has it; the sides of the comparison take turns, so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from lpasrn_jax import runtime
from lpasrn_jax.models.plate_model import LR_SIZE

GRAD_CLIP, LEARNING_RATE = 1.0, 1e-4
PYTORCH = {  # arguments of parity.reference_generator.Generator
    "plain attention": {"deformable": "none"},
    "offset-only, MSCA": {"deformable": "offsets", "shift": 0, "msca_scales": (1.0, 0.5, 0.25)},
}
FLAX = {  # arguments of lpasrn_jax.models.generator.Generator, for the same networks and this project's own
    "plain attention": {"use_deformable": False, "use_character_attention": False},
    "offset-only, MSCA": {"use_dcnv4": False, "msca_prototype_guidance": False},
    "DCNv4, MSCA": {},
}
BESIDE = {"DCNv4, MSCA": "offset-only, MSCA"}  # what the original trains in place of a network that PyTorch has no kernels for
STAGES = {name: f"configs/{name}.py" for name in ("stage0", "stage1", "stage2", "stage3", "stage4", "track")}
SIZES = {"quick": ":quick", "guide": ""}
TRACKS = 24  # synthetic, of which the stages' batches are made


def main(arguments: list[str]) -> None:
    """Prints two Markdown tables: median step times of JAX and PyTorch with their ratio, and images per second of each stage."""
    parser = argparse.ArgumentParser(prog="bench.py train", description=main.__doc__)
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--batch", type=int, default=4, help="images in a step of the comparison (%(default)s)")
    parser.add_argument("--steps", type=int, default=5, help="timed steps per process (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="processes per row; they take turns (%(default)s)")
    parser.add_argument("--networks", nargs="+", default=list(FLAX), choices=FLAX, help="that are compared; all if not given")
    parser.add_argument("--stages", nargs="*", default=list(STAGES), choices=STAGES, help="timed by themselves; all if not given")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=SIZES, help="of the stages (%(default)s)")
    parser.add_argument("--guide-batch", type=int, default=4, help="images in a stage's step at the guide's size (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each stage is measured, at least (%(default)s)")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    flags = parser.parse_args(arguments)
    if flags.worker:
        side, *what = flags.worker.split("/")
        print(json.dumps(WORKERS[side](*what, flags)))
        return
    with tempfile.TemporaryDirectory() as folder:
        _print_comparison(flags, arguments, folder)
        if flags.stages:
            _print_stages(flags, arguments, folder)


def _print_comparison(flags: argparse.Namespace, arguments: list[str], folder: str) -> None:
    beside_all = {BESIDE.get(network, network): None for network in flags.networks}
    rows = [*(f"torch/{network}" for network in beside_all), *(f"jax/{network}" for network in flags.networks)]
    seconds: dict[str, list[float]] = {row: [] for row in rows}
    for _ in range(flags.rounds):
        for row in rows:
            seconds[row] += _run(row, arguments, folder)
    medians = {row: statistics.median(times) for row, times in seconds.items()}
    print(f"{flags.batch} x {LR_SIZE[0]} x {LR_SIZE[1]}, {flags.features} features, {flags.blocks} blocks, {_machine()}\n")
    print("| network | PyTorch, ms per step | JAX, ms per step | times PyTorch's speed |")
    print("|---|---|---|---|")
    for network in flags.networks:
        beside, ours = medians[f"torch/{BESIDE.get(network, network)}"], medians[f"jax/{network}"]
        theirs = f"{beside * 1e3:.0f}" if network in PYTORCH else f"({beside * 1e3:.0f}, {BESIDE[network]})"
        print(f"| {network} | {theirs} | {ours * 1e3:.0f} | {beside / ours:.2f} |", flush=True)


def _print_stages(flags: argparse.Namespace, arguments: list[str], folder: str) -> None:
    from lpasrn_jax.synthetic import write_tracks

    write_tracks(pathlib.Path(folder) / "tracks", TRACKS, seed=0)
    print(f"\n| stage | {' | '.join(f'{size}, images in a step | images per second' for size in flags.sizes)} |")
    print(f"|---{'|---|---' * len(flags.sizes)}|")
    for stage in flags.stages:
        cells = [stage]
        for size in flags.sizes:
            batch, rate = _run(f"stage/{stage}/{size}", arguments, folder)
            cells += [str(batch), f"{rate:.1f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


def _machine() -> str:
    return f"{os.cpu_count()} CPU cores, load {os.getloadavg()[0]:.1f}"


def _run(what: str, arguments: list[str], folder: str) -> list[float]:
    """One measurement in a new process; compiled programs are kept for later rounds, in `folder` if no other cache is set."""
    command = [sys.executable, "-m", "parity.bench_training", *arguments, f"--worker={what}"]
    environment = {
        "JAX_COMPILATION_CACHE_DIR": f"{folder}/xla",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        **os.environ,
        "GLIBC_TUNABLES": runtime.TUNABLES,
        "BENCH_FOLDER": folder,
    }
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])  # after what preparing data says


def images(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Random LR and HR images, [b, h, w, 3] in [-1, 1]."""
    rng = np.random.default_rng(0)
    height, width = LR_SIZE
    lr = rng.uniform(-1, 1, (batch, height, width, 3)).astype(np.float32)
    return lr, rng.uniform(-1, 1, (batch, 2 * height, 2 * width, 3)).astype(np.float32)


def jax_step(model, params, lr: np.ndarray, hr: np.ndarray) -> Callable[[], float]:
    """A function that takes one training step of a Flax generator and returns the L1 loss before it."""
    import jax
    import jax.numpy as jnp
    import optax

    from lpasrn_jax.training import optim

    trained = jax.tree.map(lambda _: True, params)
    optimizer = optim.create_optimizer(lambda _: LEARNING_RATE, trained, grad_clip=GRAD_CLIP, weight_decay=0.0)

    def step(params, state):
        def loss(params):
            return jnp.abs(model.apply({"params": params["generator"]}, lr) - hr).mean()

        value, gradients = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, value

    compiled = jax.jit(step, donate_argnums=(0, 1))
    params = jax.tree.map(jnp.array, params)  # donated copies
    state = jax.jit(optimizer.init)(params)

    def call() -> float:
        nonlocal params, state
        params, state, value = jax.block_until_ready(compiled(params, state))
        return float(value)

    return call


def torch_step(module, lr: np.ndarray, hr: np.ndarray) -> Callable[[], float]:
    """The same of a PyTorch generator."""
    import torch

    module.train()
    optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE)
    lr, hr = (torch.from_numpy(np.ascontiguousarray(image.transpose(0, 3, 1, 2))) for image in (lr, hr))

    def call() -> float:
        optimizer.zero_grad(set_to_none=True)
        value = (module(lr) - hr).abs().mean()
        value.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), GRAD_CLIP)
        optimizer.step()
        return value.item()

    return call


def _timed(step: Callable[[], float], steps: int) -> list[float]:
    """Seconds of each step after two that compile and fill the caches."""
    step(), step()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def _jax_worker(network: str, flags: argparse.Namespace) -> list[float]:
    import jax

    from lpasrn_jax import runtime
    from lpasrn_jax.models.generator import Generator

    runtime.enable_compilation_cache()
    model = Generator(features=flags.features, num_rrdb_blocks=flags.blocks, **FLAX[network])
    lr, hr = images(flags.batch)
    params = jax.jit(model.init)(jax.random.key(0), lr)["params"]
    return _timed(jax_step(model, {"generator": params}, lr, hr), flags.steps)


def _torch_worker(network: str, flags: argparse.Namespace) -> list[float]:
    from parity import reference_generator

    module = reference_generator.Generator(f=flags.features, blocks=flags.blocks, **PYTORCH[network])
    return _timed(torch_step(module, *images(flags.batch)), flags.steps)


def _stage_worker(stage: str, size: str, flags: argparse.Namespace) -> list[float]:
    """Images in a step, and images per second."""
    from lpasrn_jax import runtime
    from lpasrn_jax.commands.bench_data import training_rate
    from lpasrn_jax.commands.training_flags import load_config
    from lpasrn_jax.models import PlateModel
    from lpasrn_jax.training import batches

    runtime.enable_compilation_cache()
    folder = pathlib.Path(os.environ["BENCH_FOLDER"])
    batch = [f"--config.train.batch_size={flags.guide_batch}"] if size == "guide" else []
    config = load_config(STAGES[stage] + SIZES[size], [f"--config.data.root={folder / 'tracks'}", *batch])
    model = PlateModel.from_config(config, config.stage.networks)
    tracks = batches.prepare_tracks(model, config, folder / f"{stage}-{size}")
    return [config.train.batch_size, training_rate(tracks, model, config, flags.seconds)]


WORKERS = {"jax": _jax_worker, "torch": _torch_worker, "stage": _stage_worker}

if __name__ == "__main__":
    main(sys.argv[1:])
