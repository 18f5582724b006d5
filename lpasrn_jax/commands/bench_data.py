"""Images per second that the data pipeline delivers, beside those that a training step eats: python scripts/bench.py data

By number of worker processes, at the small size and at the guide's; the tracks are synthetic and made for it, or one's own.
Overrides of the config are taken as in training: weak scaling over four devices made of one CPU's cores is the step's rate in

    JAX_NUM_CPU_DEVICES=4 python scripts/bench.py data --sizes quick --workers 0 --config.train.batch_size=64

beside that of one device with a quarter of the images in a batch.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator

import jax
import ml_collections

from lpasrn_jax import runtime
from lpasrn_jax.commands.training_flags import load_config
from lpasrn_jax.data import lp_tracks
from lpasrn_jax.errors import one_line_errors
from lpasrn_jax.models import PlateModel
from lpasrn_jax.synthetic.tracks import write_tracks
from lpasrn_jax.training import batches, optim, steps
from lpasrn_jax.training.state import create_state
from lpasrn_jax.wording import counted

CONFIGS = {"quick": "configs/stage3.py:quick", "guide": "configs/stage3.py"}
SCENARIO_B = 0.25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", help="labelled tracks; synthetic ones if not given")
    parser.add_argument("--tracks", type=int, default=60, help="number of synthetic tracks (%(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="numbers of decoding processes (%(default)s)")
    parser.add_argument("--sizes", nargs="+", default=list(CONFIGS), choices=CONFIGS, help="quick, guide or both")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each is measured, at least (%(default)s)")
    flags, overrides = parser.parse_known_args()
    runtime.enable_compilation_cache()
    with one_line_errors(), tempfile.TemporaryDirectory() as folder:
        root = flags.data_root or _synthetic(pathlib.Path(folder) / "tracks", flags.tracks)
        print(f"{jax.default_backend()}, {counted(jax.device_count(), 'device')}\n")
        print("| size | images in a batch | pipeline, images per second | training step, images per second | times as many |")
        print("|---|---|---|---|---|")
        for size in flags.sizes:
            config = load_config(CONFIGS[size], [f"--config.data.root={root}", *overrides])
            model = PlateModel.from_config(config, config.stage.networks)
            with contextlib.redirect_stdout(sys.stderr):  # tensorflow-datasets says what it prepares
                tracks = batches.prepare_tracks(model, config, pathlib.Path(folder))
            eaten = training_rate(tracks, model, config, flags.seconds)
            for workers in flags.workers:
                config.data.num_workers = workers
                made = pipeline_rate(tracks, model, config, flags.seconds)
                cells = [f"{size}, {workers} workers", str(config.train.batch_size), f"{made:.0f}", f"{eaten:.1f}"]
                print(f"| {' | '.join([*cells, f'{made / eaten:.1f}'])} |", flush=True)


def _synthetic(root: pathlib.Path, count: int) -> str:
    write_tracks(root, count, seed=0, scenarios={"Scenario-A": 1 - SCENARIO_B, "Scenario-B": SCENARIO_B})
    return str(root)


def pipeline_rate(
    tracks: lp_tracks.PreparedTracks, model: PlateModel, config: ml_collections.ConfigDict, seconds: float
) -> float:
    """Frame pairs per second that `batches.training_batches` delivers to a consumer that does nothing else."""
    iterator = batches.training_batches(tracks, model, config)
    try:
        return config.train.batch_size * _calls_per_second(lambda: next(iterator), seconds)
    finally:
        iterator.close()


def training_rate(
    tracks: lp_tracks.PreparedTracks, model: PlateModel, config: ml_collections.ConfigDict, seconds: float
) -> float:
    """Frame pairs per second that a training step of the config eats on this machine's devices, fed without delay."""
    mesh, frozen = runtime.data_mesh(), ml_collections.FrozenConfigDict(config)
    per_epoch = batches.steps_per_epoch(tracks, config)
    trained = optim.trained_params(model.shapes, config.stage.frozen)
    schedule = optim.create_schedule(config.stage, per_epoch)
    optimizer = optim.create_optimizer(schedule, trained, grad_clip=1.0, weight_decay=config.stage.weight_decay)
    step = functools.partial(
        steps.train_step, model=model, trained=trained, optimizer=optimizer, config=frozen, steps_per_epoch=per_epoch
    )
    compiled = jax.jit(step, donate_argnums=0, out_shardings=runtime.replicated(mesh))
    params, classes = model.init(jax.random.key(0)), len(model.plate_format.labels)
    state = create_state(params, trained, optimizer, num_classes=classes, seed=0)
    with contextlib.closing(batches.training_batches(tracks, model, config)) as iterator:
        batch = batches.on_devices(next(iterator), mesh)

    def states() -> Iterator[None]:
        nonlocal state
        while True:
            state, metrics, _ = compiled(state, batch)
            yield jax.block_until_ready(metrics["loss"])

    endless = states()
    return config.train.batch_size * _calls_per_second(lambda: next(endless), seconds)


def _calls_per_second(call, seconds: float) -> float:
    """After two calls that compile and fill what is filled ahead."""
    call(), call()
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds or count < 2:
        call()
        count += 1
    return count / elapsed


if __name__ == "__main__":
    main()
