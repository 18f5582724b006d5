"""Judge weights on labelled tracks: lpasrn evaluate --checkpoint runs/a/best --data-root data/val

Writes metrics.json, report.md and pictures into --out, by default CHECKPOINT_evaluation.
"""

from __future__ import annotations

import argparse

from lpasrn_jax.commands.reading_flags import add_weights_argument
from lpasrn_jax.wording import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_weights_argument(parser)
    parser.add_argument("--data-root", required=True, help="folder of tracks with HR frames")
    parser.add_argument("--out", help="where the report goes; CHECKPOINT_evaluation if not given")
    parser.add_argument("--split", default="all", help="all, or the part that training left out (val) or used (train)")
    parser.add_argument("--tfds-dir", default="", help="where the prepared set goes; TFDS's own default if not given")
    parser.add_argument("--baseline", default="", help="weights of an OCR trained on bicubic images, see configs/ocr_on_lr.py")
    parser.add_argument("--against", default="", help="the metrics.json of another evaluation, to compare with")
    parser.add_argument("--strangers", action="store_true", help="have RapidOCR and Tesseract read the images too")


def run(flags: argparse.Namespace) -> None:
    from lpasrn_jax import runtime
    from lpasrn_jax.evaluation.evaluate import evaluate
    from lpasrn_jax.evaluation.tables import METRICS, TITLES

    runtime.enable_compilation_cache()
    out = flags.out or f"{flags.checkpoint.rstrip('/')}_evaluation"
    others = dict(baseline=flags.baseline, against=flags.against, with_strangers=flags.strangers)
    found = evaluate(flags.checkpoint, flags.data_root, out, split=flags.split, tfds_dir=flags.tfds_dir, **others)
    for metric in METRICS:
        if metric in found:
            print(f"{metric}  {'  '.join(f'{TITLES[kind]} {value:.4f}' for kind, value in found[metric].items())}")
    for name, of in found.get("strangers", {}).items():
        shown = (f"{TITLES[kind]} {value:.4f}" for kind, value in of.get("word_acc", {}).items())
        print(f"{name}  {of.get('left_out') or '  '.join(shown)}")
    if "track_acc" in found:
        shown = (f"{counted(int(count), 'frame')} {value:.4f}" for count, value in found["track_acc"]["log_probs"].items())
        print(f"tracks  {'  '.join(shown)}")
    print(f"report: {out}/report.md")
