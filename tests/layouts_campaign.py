"""The same training on several layouts of processes and devices: python -m tests.layouts_campaign --steps 20

At the same global batch, the losses of one process with four devices, and of two processes with two each, must be those of
one device. For each stage it prints the largest difference of any loss term in any step. Sums over the batch round elsewhere
on each layout, and Adam divides the gradients of its first steps by what is still small: at the guide's learning rate of 1e-4
a difference of 5e-7 in the first step is one of 2e-4 in the twentieth. The default is so small that each step compares the
layouts, not the steps before it.
"""

from __future__ import annotations

import argparse
import importlib
import pathlib
import sys
import tempfile

import ml_collections
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from tests.job import Job

LAYOUTS = {"one device": (1, 1), "one process, four devices": (1, 4), "two processes, two devices each": (2, 2)}
STAGES = ("stage2", "stage4", "track")
TRACKS = 80  # about 70 of them for training: more than 20 batches of 16 frames
LIMIT = 1e-5


def losses(config: ml_collections.ConfigDict, workdir: pathlib.Path, layout: tuple[int, int]) -> dict[tuple[str, int], float]:
    """Each loss term of each step of a stage that is trained with (processes, devices per process).

    Raises:
      RuntimeError: if the training fails; its log lies beside `workdir`.
    """
    processes, devices = layout
    if Job(config, workdir, processes=processes, devices=devices).finish():
        raise RuntimeError(f"{workdir}: training failed:\n{workdir.with_name(f'{workdir.name}.log.0').read_text()[-2000:]}")
    return written_losses(workdir / config.stage.name)


def written_losses(folder: pathlib.Path) -> dict[tuple[str, int], float]:
    """Each loss term of each step that a stage has written to TensorBoard in its folder."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    terms = [tag for tag in events.Tags()["tensors"] if tag.startswith("train/") and tag.endswith("loss")]
    return {(tag, event.step): float(make_ndarray(event.tensor_proto)) for tag in terms for event in events.Tensors(tag)}


def compare(
    reference: dict[tuple[str, int], float], other: dict[tuple[str, int], float], steps: int
) -> tuple[float, float, list[float]]:
    """The largest relative and absolute difference over the first `steps` steps, and the largest absolute one of each step."""
    pairs = {key: (value, other[key]) for key, value in reference.items() if key[1] <= steps}
    by_step = [max(abs(a - b) for (_, at), (a, b) in pairs.items() if at == step) for step in sorted({at for _, at in pairs})]
    return max(abs(a - b) / max(abs(a), 1e-12) for a, b in pairs.values()), max(by_step), by_step


def stage_config(name: str, lr: float, tracks: pathlib.Path, tfds_dir: pathlib.Path) -> ml_collections.ConfigDict:
    """A stage at the quick preset that starts from random weights and writes the losses of each step."""
    config = importlib.import_module(f"configs.{name}").get_config("quick")
    config.data.update(root=str(tracks), tfds_dir=str(tfds_dir), val_split=0.1)
    config.stage.after.name = ""
    config.stage.update(epochs=1, lr=lr)
    config.train.log_every_steps = 1
    return config


def main() -> None:
    from lpasrn_jax.synthetic import write_tracks

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20, help="that are compared (%(default)s)")
    parser.add_argument("--lr", type=float, default=1e-6, help="learning rate (%(default)s)")
    parser.add_argument("--stages", nargs="+", default=STAGES, help="(%(default)s)")
    flags = parser.parse_args()
    equal = True
    with tempfile.TemporaryDirectory() as root:
        tracks = pathlib.Path(root) / "tracks"
        write_tracks(tracks, TRACKS, seed=5)
        for stage in flags.stages:
            config = stage_config(stage, flags.lr, tracks, pathlib.Path(root) / "tfds")
            one, *others = (losses(config, pathlib.Path(root) / f"{stage}-{name}", at) for name, at in LAYOUTS.items())
            for name, other in zip([*LAYOUTS][1:], others, strict=True):
                relative, absolute, by_step = compare(one, other, flags.steps)
                print(f"{stage}, {name}: relative {relative:.1e}, absolute {absolute:.1e} over {len(by_step)} steps")
                print("  absolute by step:", *(f"{value:.0e}" for value in by_step), flush=True)
                equal = equal and absolute <= LIMIT
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
