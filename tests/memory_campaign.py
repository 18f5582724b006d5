"""Resident memory of a long training, validation and saving included: python -m tests.memory_campaign --steps 3000 --stages 1 4

Each stage is trained by scripts/train.py at the quick preset, with as many tracks as the quickstart has, from random weights.
The memory is that which the run writes to TensorBoard (`memory/host_mib`). A save in the background holds copies for a moment, so
that of each 100 steps the least counts; over the last two thirds of the steps, the largest and the smallest of these must lie
within 2 %.
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile

import jax
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from lpasrn_jax.commands.training_flags import load_config
from lpasrn_jax.models import PlateModel
from lpasrn_jax.weights.bundle import Bundle, save_bundle

ROOT = pathlib.Path(__file__).parents[1]
TRACKS = 500  # of which nine in ten train: 140 steps an epoch, each of which ends with a validation and a save
WARM_UP = 1 / 3  # of the steps: programs are compiled, buffers grow to their size
LIMIT = 0.02
WINDOW = 100  # steps


def train(stage: int, steps: int, tracks: pathlib.Path, folder: pathlib.Path, overrides: list[str]) -> dict[int, float]:
    """Resident memory in MiB by step, of a stage that is trained for about so many steps."""
    file = f"configs/stage{stage}.py:quick"
    config = load_config(file, [])
    model = PlateModel.from_config(config, config.stage.networks)
    params = jax.device_get(jax.jit(model.init)(jax.random.key(1)))
    start = save_bundle(folder / "start", Bundle(params, config.to_dict(), {}))
    steps_per_epoch = int(0.9 * TRACKS) * 5 // config.train.batch_size
    overrides = [
        f"--config.data.root={tracks}",
        "--config.data.val_split=0.1",
        f"--config.init_from={start}",
        f"--config.stage.epochs={-(-steps // steps_per_epoch)}",
        "--config.train.early_stop=1000000",
        *overrides,
    ]
    command = [sys.executable, "scripts/train.py", f"--config={file}", f"--workdir={folder / 'run'}", "--tensorboard=false"]
    subprocess.run([*command, *overrides], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    events = EventAccumulator(str(folder / "run" / config.stage.name), size_guidance={"tensors": 0}).Reload()
    return {event.step: float(make_ndarray(event.tensor_proto)) for event in events.Tensors("memory/host_mib")}


def floors(memory: dict[int, float]) -> dict[int, float]:
    """The least memory of each window, by the step that it begins with."""
    least: dict[int, float] = {}
    for step, value in sorted(memory.items()):
        begin = step - step % WINDOW
        least[begin] = min(value, least.get(begin, value))
    return least


def growth(memory: dict[int, float]) -> tuple[float, float]:
    """Of the least memory in each window after the warm-up: largest over smallest, less 1; and the slope in MiB per 100 steps."""
    after = {step: value for step, value in memory.items() if step >= WARM_UP * max(memory)}
    begins, values = (np.array(column) for column in zip(*floors(after).items(), strict=True))
    return float(values.max() / values.min() - 1), float(np.polyfit(begins / 100, values, 1)[0])


def main() -> None:
    from lpasrn_jax.synthetic import write_tracks

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000, help="of each stage, at least (%(default)s)")
    parser.add_argument("--stages", type=int, nargs="+", default=[1, 4], help="(%(default)s)")
    flags, overrides = parser.parse_known_args()
    within = True
    with tempfile.TemporaryDirectory() as root:
        tracks = pathlib.Path(root) / "tracks"
        write_tracks(tracks, TRACKS, seed=5)
        for stage in flags.stages:
            folder = pathlib.Path(root) / f"stage{stage}"
            folder.mkdir()
            memory = train(stage, flags.steps, tracks, folder, overrides)
            spread, slope = growth(memory)
            shown = "  ".join(f"{step}: {least:.0f}" for step, least in floors(memory).items())
            print(f"stage {stage}, least MiB from step: {shown}")
            print(f"stage {stage}: {spread:.2%} over the last two thirds, {slope:+.2f} MiB per 100 steps", flush=True)
            within = within and spread <= LIMIT
    sys.exit(0 if within else 1)


if __name__ == "__main__":
    main()
