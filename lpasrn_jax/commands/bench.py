"""Time to read plates on this machine: lpasrn bench

The ways of reading run in turn, on the same random images, so that they can be compared on a machine that others use too.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from lpasrn_jax.commands.reading_flags import add_weights_argument

Name = TypeVar("Name", bound=Hashable)  # of a call

FRAMES = 5  # of a track
MANY = 64  # images that are read one by one and together


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_weights_argument(parser)
    parser.add_argument("--device", help="cpu or gpu; the fastest there is if not given")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median is taken (%(default)s)")


def run(flags: argparse.Namespace) -> None:
    import numpy as np

    from lpasrn_jax import runtime
    from lpasrn_jax.reading.load import load

    runtime.enable_compilation_cache()
    reader = load(flags.checkpoint, device=flags.device)
    height, width = reader.lr_size
    plates = np.random.default_rng(0).integers(0, 256, (MANY, height, width, 3), np.uint8)
    ways = {
        f"read, {MANY} images one by one": (MANY, lambda: [reader.read(plate) for plate in plates]),
        f"read_many, {MANY} images": (MANY, lambda: reader.read_many(plates)),
        f"read_track, {FRAMES} frames": (FRAMES, lambda: reader.read_track(plates[:FRAMES])),
    }
    medians = median_seconds({way: call for way, (_, call) in ways.items()}, flags.rounds)
    print(f"{width} x {height} pixels on {reader.device}, median of {flags.rounds} rounds\n")
    print("| call | ms | images per second |")
    print("|---|---|---|")
    for way, (images, _) in ways.items():
        print(f"| {way} | {medians[way] * 1e3:.1f} | {images / medians[way]:.0f} |")


def median_seconds(calls: Mapping[Name, Callable[[], object]], rounds: int) -> dict[Name, float]:
    """Median time of each call; in a round, every call runs once. The first round, which compiles, does not count."""
    times: dict[Name, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(samples[1:]) for name, samples in times.items()}
