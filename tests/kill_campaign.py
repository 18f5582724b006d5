"""Trainings that are killed at random moments, again and again: python -m tests.kill_campaign --kills 40

Each stage is trained once without a kill and once with its share of them, half at any moment and half just when a checkpoint is
being saved. With `--processes 2` a kill hits one process of the job or all. After each kill every link must lead to a whole
checkpoint, each start must succeed, and the end must be bit-equal.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import pathlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator

import jax
import ml_collections
import numpy as np

from lpasrn_jax.errors import UserError
from lpasrn_jax.models import PlateModel
from lpasrn_jax.weights.bundle import Bundle, save_bundle
from lpasrn_jax.weights.orbax import load_checkpoint, read_arrays
from tests.conftest import _tiny_stage
from tests.job import Job

STAGES = (1, 2, 4)
ITEMS = ("params", "ema", "optimizer", "miner")


@dataclasses.dataclass
class Outcome:
    """What the kills have shown; all but `kills` should be empty or 0."""

    kills: int = 0
    failed_starts: int = 0
    dead_links: list[str] = dataclasses.field(default_factory=list)
    different: list[str] = dataclasses.field(default_factory=list)


def kill_stage(
    config: ml_collections.ConfigDict, folder: pathlib.Path, kills: int, rng: random.Random, processes: int
) -> Outcome:
    """Trains a stage in `folder`/whole and, with so many kills, in `folder`/killed.

    Args:
      config: of a stage that needs no other, such as with `init_from`.
      processes: of the job; one of them is killed, or all, with even chances.
    """
    outcome, killed, stage = Outcome(), folder / "killed", config.stage.name
    begun = time.monotonic()
    outcome.failed_starts += Job(config, folder / "whole", processes=processes).finish()
    duration = time.monotonic() - begun
    while outcome.kills < kills:
        job = Job(config, killed, processes=processes)
        if rng.random() < 0.5:
            _wait_for_change(job, killed / stage / "checkpoints", rng.uniform(0, duration))
            time.sleep(rng.uniform(0, 0.05))
        else:
            deadline = time.monotonic() + rng.uniform(0, duration)
            while job.is_alive() and time.monotonic() < deadline:
                time.sleep(0.001)
        if job.is_alive():
            everyone = [*range(processes)]
            job.kill(everyone if rng.random() < 0.5 else [rng.choice(everyone)])
            outcome.kills += 1
        else:
            outcome.failed_starts += job.finish()
        outcome.dead_links += _dead_links(killed, stage)
        if _finished(killed / stage):  # begin anew
            outcome.different += _differences(folder, stage)
            killed.rename(folder / f"killed-{outcome.kills}")
    outcome.failed_starts += Job(config, killed, processes=processes).finish()
    outcome.dead_links += _dead_links(killed, stage)
    outcome.different += _differences(folder, stage)
    return outcome


def _wait_for_change(job: Job, folder: pathlib.Path, timeout: float) -> None:
    """Until something is added to a folder or removed from it, or the job has ended."""
    before, deadline = _names(folder), time.monotonic() + timeout
    while job.is_alive() and time.monotonic() < deadline and _names(folder) == before:
        time.sleep(0.001)


def _names(folder: pathlib.Path) -> set[str]:
    with contextlib.suppress(FileNotFoundError):
        return {entry.name for entry in os.scandir(folder)}
    return set()


def _links(workdir: pathlib.Path, stage: str) -> Iterator[pathlib.Path]:
    """Those that have been made."""
    return (link for link in (workdir / "best", workdir / stage / "best", workdir / stage / "last") if link.is_symlink())


def _dead_links(workdir: pathlib.Path, stage: str) -> list[str]:
    dead = []
    for link in _links(workdir, stage):
        try:
            load_checkpoint(link)
        except UserError as error:
            dead.append(str(error))
    return dead


def _finished(directory: pathlib.Path) -> bool:
    progress = directory / "last/progress/metadata"
    return progress.exists() and '"finished": true' in progress.read_text()


def _differences(folder: pathlib.Path, stage: str) -> list[str]:
    """The items of the last checkpoint that are not bit-equal."""
    whole, killed = (folder / run / stage / "last" for run in ("whole", "killed"))
    if whole.resolve().name != killed.resolve().name:
        return [f"{stage}: ends at steps {whole.resolve().name} and {killed.resolve().name}"]
    items = [item for item in ITEMS if (whole / item).is_dir()]
    return [f"{stage}: {item}" for item in items if not _same(read_arrays(whole / item), read_arrays(killed / item))]


def _same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[path], b[path]) for path in a)


def stage_config(tracks: pathlib.Path, folder: pathlib.Path, stage: int) -> ml_collections.ConfigDict:
    """A tiny stage that starts from random weights in a file, so that it needs no stage before it."""
    config = _tiny_stage(tracks, folder / "tfds", stage)
    model = PlateModel.from_config(config, config.stage.networks)
    params = jax.device_get(jax.jit(model.init)(jax.random.key(1)))
    config.init_from = str(save_bundle(folder / "start", Bundle(params, config.to_dict(), {})))
    config.stage.epochs = 3
    config.train.log_every_steps = 2
    return config


def main() -> None:
    from lpasrn_jax.synthetic import write_tracks

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=40, help="over all stages (%(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="of each training (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no further stage after so many")
    flags = parser.parse_args()
    rng, begun, clean = random.Random(flags.seed), time.monotonic(), True
    with tempfile.TemporaryDirectory() as root:
        tracks = pathlib.Path(root) / "tracks"
        write_tracks(tracks, 40, seed=5)
        for i, stage in enumerate(STAGES):
            if time.monotonic() - begun > 60 * flags.minutes:
                break
            folder = pathlib.Path(root) / f"stage{stage}"
            folder.mkdir()
            kills = flags.kills * (i + 1) // len(STAGES) - flags.kills * i // len(STAGES)
            outcome = kill_stage(stage_config(tracks, folder, stage), folder, kills, rng, flags.processes)
            print(f"stage {stage}: {outcome}", flush=True)
            clean = clean and not (outcome.failed_starts or outcome.dead_links or outcome.different)
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
