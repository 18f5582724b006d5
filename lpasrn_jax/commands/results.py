"""Measure weights and write the page: lpasrn results, or make results

Makes held-out synthetic tracks from a seed, evaluates the bundled weights on them, times them, and writes docs/results.md. With
--weights it takes your own instead, or beside them. With --photographs it reads a folder of labelled photographs of plates too;
with --given, tracks of known plates from elsewhere, which the readers that nobody trained here read as well.
"""

from __future__ import annotations

import argparse
import os
import pathlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from lpasrn_jax.commands.bench import median_seconds
from lpasrn_jax.errors import UserError
from lpasrn_jax.escape import printable
from lpasrn_jax.plates import BRAZIL

if TYPE_CHECKING:
    from lpasrn_jax.reading.reader import RGB, Reader

TRACKS, SEED = 400, 2026  # of the held-out set: no recipe's data has this seed
SENSITIVITY_PLATES = 100  # of the same set


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights", nargs="+", help="bundled models, .safetensors files or checkpoints; all bundled if not given"
    )
    parser.add_argument("--out", default="docs/results.md", help="the page to write (%(default)s)")
    parser.add_argument("--workdir", default="runs/results", help="for tracks, reports and pictures (%(default)s)")
    parser.add_argument("--tracks", type=int, default=TRACKS, help="number of tracks (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the tracks (%(default)s)")
    parser.add_argument("--to-cards", action="store_true", help="write the main figures into the cards of the weights too")
    parser.add_argument("--photographs", help="a folder of photographs, each filled by an upright plate")
    parser.add_argument("--given", help="a folder of tracks: SET/TEXT/lr-001.png, ..., and hr.png where there is one")
    parser.add_argument("--labels", help="their CSV file: file,plate_text,plate_layout")


def run(flags: argparse.Namespace) -> None:
    from lpasrn_jax import runtime
    from lpasrn_jax.data import lp_tracks
    from lpasrn_jax.evaluation import given_tracks, results, sensitivity
    from lpasrn_jax.evaluation.evaluate import evaluate
    from lpasrn_jax.evaluation.strangers import open_strangers
    from lpasrn_jax.reading.load import load
    from lpasrn_jax.synthetic.photographs import read_labels
    from lpasrn_jax.weights.bundle import add_to_card
    from lpasrn_jax.weights.load import bundle_path, bundled_names, load_weights

    if bool(flags.photographs) != bool(flags.labels):
        raise UserError("--photographs and --labels: one found without the other; give both, or none")
    runtime.enable_compilation_cache()
    bundles = {weights: load_weights(weights) for weights in flags.weights or bundled_names()}
    readers = {weights: load(weights) for weights in bundles}
    for weights, reader in readers.items():
        if not reader.enhances or not reader.reads:
            held = ", ".join(bundles[weights].params)
            raise UserError(f"--weights={weights}: holds {held}; give weights with a generator and an OCR")
    speeds = _speeds(readers)
    workdir = pathlib.Path(flags.workdir)
    root = _held_out_tracks(workdir, flags.tracks, flags.seed)
    tfds_dir = str(workdir / "tfds")
    tracks = lp_tracks.prepare(root, BRAZIL, tfds_dir=tfds_dir, val_split=0.0)
    plates = {"synthetic": results.first_plates(tracks.all, SENSITIVITY_PLATES)}
    if flags.photographs:
        photographs = read_labels(flags.labels, flags.photographs)
        plates["photographs"] = [sensitivity.Plate(one.read(), None, one.text) for one in photographs]
    given = given_tracks.read_sets(flags.given, BRAZIL) if flags.given else {}
    strangers, _ = open_strangers() if given else ({}, {})
    measured = []
    for number, (weights, reader) in enumerate(readers.items()):
        folder = workdir / f"{number:02d}_{pathlib.Path(weights).stem}"
        metrics = evaluate(weights, str(root), str(folder), tfds_dir=tfds_dir, with_strangers=True)
        sensitivities = {name: sensitivity.measure(reader, some) for name, some in plates.items()}
        by_set = {name: given_tracks.measure(reader, of, strangers) for name, of in given.items()}
        one = results.Measured(weights, bundles[weights], metrics, sensitivities, by_set, speeds[weights], reader.device)
        measured.append(one)
    texts = {name: [plate.text for plate in some] for name, some in plates.items()}
    page = results.page(measured, texts, tracks=flags.tracks, seed=flags.seed, cores=os.cpu_count() or 1)
    if flags.to_cards:
        for one in measured:
            figures = results.card_results(one, texts, tracks=flags.tracks, seed=flags.seed, cores=os.cpu_count() or 1)
            if path := bundle_path(one.name):
                add_to_card(path, {"results": figures})
    out = pathlib.Path(flags.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page)
    print(printable(f"wrote {out}; reports of single weights: {workdir}"))


def _held_out_tracks(workdir: pathlib.Path, tracks: int, seed: int) -> pathlib.Path:
    """The tracks' root; made if this number with this seed is not there."""
    from lpasrn_jax.synthetic.tracks import write_tracks

    root = workdir / f"tracks_{tracks}_{seed}"
    complete = workdir / f"{root.name}.complete"
    if not complete.exists():
        shares = {"Scenario-A": 0.5, "Scenario-B": 0.5}
        write_tracks(root, tracks, seed=seed, scenarios=shares, workers=os.cpu_count() or 1, overwrite=True)
        complete.touch()
    return root


def _speeds(readers: Mapping[str, Reader]) -> dict[str, dict[str, float]]:
    """Milliseconds of each call on frames of the size that the weights were trained on; all calls of all readers in turn."""
    import numpy as np

    calls: dict[tuple[str, str], Callable[[], object]] = {}
    for name, reader in readers.items():
        frames: list[RGB] = list(np.random.default_rng(0).integers(0, 256, (5, *reader.lr_size, 3), np.uint8))
        calls[name, "read"] = partial(reader.read, frames[0])
        calls[name, "read_track of 5"] = partial(reader.read_track, frames)
        calls[name, "enhance"] = partial(reader.enhance, frames[0])
        if reader.fuses:
            calls[name, "enhance_track of 5"] = partial(reader.enhance_track, frames)
    medians = median_seconds(calls, rounds=20)
    return {name: {call: 1e3 * seconds for (of, call), seconds in medians.items() if of == name} for name in readers}
