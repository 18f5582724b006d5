"""Evaluate weights on labelled tracks: lpasrn evaluate --checkpoint runs/a/best --data-root data/val

Writes metrics.json, report.md and pictures into --out, by default CHECKPOINT_evaluation; main.csv and main.tex hold its main
table. Of several checkpoints, such as runs of one recipe with different seeds, each has a folder there, and runs.md (runs.json,
runs.csv, runs.tex) says mean and standard deviation.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Mapping
from typing import Any

from lpasrn_jax.commands.reading_flags import WEIGHTS
from lpasrn_jax.errors import UserError
from lpasrn_jax.escape import printable
from lpasrn_jax.weights import DEFAULT
from lpasrn_jax.wording import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", nargs="+", default=[DEFAULT], metavar="WEIGHTS", help=WEIGHTS)
    parser.add_argument("--data-root", required=True, help="folder of tracks with HR frames")
    parser.add_argument("--out", help="where the report goes; CHECKPOINT_evaluation if not given")
    parser.add_argument("--split", default="all", help="all, or the part that training left out (val) or used (train)")
    parser.add_argument("--tfds-dir", default="", help="where the prepared set goes; a folder in --out if not given")
    parser.add_argument("--baseline", default="", help="weights of an OCR trained on bicubic images, see configs/ocr_on_lr.py")
    parser.add_argument("--against", default="", help="the metrics.json of another evaluation, to compare with")
    parser.add_argument("--strangers", action="store_true", help="have RapidOCR and Tesseract read the images too")


def run(flags: argparse.Namespace) -> None:
    from lpasrn_jax import runtime
    from lpasrn_jax.evaluation.evaluate import evaluate
    from lpasrn_jax.evaluation.runs import write_runs

    runtime.enable_compilation_cache()
    first, *further = flags.checkpoint
    out = pathlib.Path(flags.out or f"{first.rstrip('/')}_evaluation")
    others = dict(baseline=flags.baseline, against=flags.against, with_strangers=flags.strangers)
    others |= dict(split=flags.split, tfds_dir=flags.tfds_dir)
    if not further:
        _show(evaluate(first, flags.data_root, str(out), **others))
        print(f"report: {printable(str(out))}/report.md")
        return
    if len({*flags.checkpoint}) < len(flags.checkpoint):
        raise UserError("--checkpoint: one found twice; give each run once")
    evaluations = []
    for number, checkpoint in enumerate(flags.checkpoint, start=1):
        print(printable(checkpoint))
        evaluations.append(evaluate(checkpoint, flags.data_root, str(out / f"run_{number}"), **others))
        _show(evaluations[-1])
    write_runs(out, evaluations)
    print(f"report: {printable(str(out))}/runs.md")


def _show(metrics: Mapping[str, Any]) -> None:
    from lpasrn_jax.evaluation.tables import METRICS, TITLES

    for metric in METRICS:
        if metric in metrics:
            print(f"{metric}  {'  '.join(f'{TITLES[kind]} {value:.4f}' for kind, value in metrics[metric].items())}")
    for name, of in metrics.get("strangers", {}).items():
        shown = (f"{TITLES[kind]} {value:.4f}" for kind, value in of.get("word_acc", {}).items())
        print(f"{name}  {of.get('left_out') or '  '.join(shown)}")
    if "track_acc" in metrics:
        shown = (f"{counted(int(count), 'frame')} {value:.4f}" for count, value in metrics["track_acc"]["log_probs"].items())
        print(f"tracks  {'  '.join(shown)}")
