"""The page of results: measurements of several weights, in Markdown."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from lpasrn_jax.data.lp_tracks import Record
from lpasrn_jax.evaluation import answers, tables
from lpasrn_jax.evaluation.bootstrap import bootstrap_interval
from lpasrn_jax.evaluation.sensitivity import Plate, Table
from lpasrn_jax.frames import decode_image
from lpasrn_jax.weights.bundle import Bundle
from lpasrn_jax.wording import counted


class Measured(NamedTuple):
    """
    name: of the weights.
    bundle: the weights.
    metrics: the content of metrics.json.
    sensitivities: by set of plates, the result of `sensitivity.measure`.
    given: by set of given tracks, the result of `given_tracks.measure`.
    milliseconds: per call, by its name.
    device: on which the times were measured.
    """

    name: str
    bundle: Bundle
    metrics: Mapping[str, Any]
    sensitivities: Mapping[str, Mapping[str, Table]]
    given: Mapping[str, Mapping[str, Any]]
    milliseconds: Mapping[str, float]
    device: str


def first_plates(records: Sequence[Record], count: int) -> list[Plate]:
    """The first HR frames of the first tracks whose corners are known."""
    known = (record for record in records if not np.isnan(record["hr_corners"][0]).any())
    return [
        Plate(decode_image(record["hr"][0]), record["hr_corners"][0], record["text"].decode())
        for record in itertools.islice(known, count)
    ]


def page(measured: Sequence[Measured], texts: Mapping[str, Sequence[str]], *, tracks: int, seed: int, cores: int) -> str:
    """The whole page.

    Args:
      measured: one per weights.
      texts: the true texts by set of plates.
      tracks: number of held-out tracks.
      seed: of the held-out tracks.
      cores: of the machine on which the times were measured.
    """
    sets = ", ".join(f"{len(of)} {'plates of the same set' if name == 'synthetic' else name}" for name, of in texts.items())
    parts = [
        "# Results",
        f"Written by `lpasrn results`. {tracks} synthetic tracks of five frames that no weights here were trained on (seed "
        f"{seed}), half of them by day with known corners, half at night or in rain without; sensitivity: {sets}. In brackets "
        "95 % intervals by bootstrap over plates.",
        tables.table(*_overview(measured)),
        "Plates wholly right as the reader reads them, from one frame and from five. Times: medians on "
        f"{measured[0].device}, {cores} cores, programs compiled.",
    ]
    for one in measured:
        parts += [f"## {one.name}", *_sections(one, texts)]
    return "\n\n".join(part for part in parts if part) + "\n"


def card_results(one: Measured, texts: Mapping[str, Sequence[str]], *, tracks: int, seed: int, cores: int) -> dict[str, Any]:
    """The main figures for the card of the weights, JSON-ready, each with its 95 % interval: [value, low, high].

    Arguments are those of `page`.
    """
    metrics, intervals = one.metrics, one.metrics["intervals"]
    over = {made: f"{made} - bicubic" for made in ("sr", "fused") if made in metrics["psnr"]}
    figures = {
        f"{metric} over bicubic": {
            made: _rounded(metrics[metric][made] - metrics[metric]["bicubic"], *intervals[metric][name])
            for made, name in over.items()
        }
        for metric in ("psnr", "ssim")
    }
    figures["plates wholly right, one image by the OCR"] = {
        kind: _rounded(value, *intervals["word_acc"][kind]) for kind, value in metrics["word_acc"].items()
    }
    read = {f"{frames} of a track": metrics["confidence"][frames] for frames in ("1", "5")}
    figures["plates wholly right, as read"] = {name: round(of["right"], 4) for name, of in read.items()}
    figures["calibration error"] = {name: round(of["calibration_error"], 4) for name, of in read.items()}
    groups = {**metrics["by_layout"], **metrics["by_scenario"]}
    figures["tracks wholly right by group"] = {name: round(of["track_acc"], 4) for name, of in groups.items()}
    figures["given tracks, right and readings"] = {
        f"{name}, {source}": [figure["right"], figure["readings"]]
        for name, of in one.given.items()
        for source, figure in of["readings"].items()
    }
    figures["plates wholly right by LR height"] = {
        f"{len(texts[name])} {name}, {frames}": {
            height: round(float(values.mean()), 3) for height, values in of[f"LR height, {frames}"].items()
        }
        for name, of in one.sensitivities.items()
        for frames in ("one frame", "five frames")
    }
    return {
        "data": f"{tracks} synthetic tracks, seed {seed}, half of them at night or in rain",
        "figures": figures,
        "milliseconds": {call: round(value, 1) for call, value in one.milliseconds.items()},
        "device": f"{one.device}, {cores} cores",
    }


def _rounded(*values: float) -> list[float]:
    return [round(float(value), 4) for value in values]


def _overview(measured: Sequence[Measured]) -> tuple[list[str], list[list[str]]]:
    """Header and rows, one row per weights; one frame and five frames are read as `Reader` reads them."""
    calls = list(measured[0].milliseconds)
    header = ["weights", "parameters", *(f"{call}, ms" for call in calls), "HR", "one frame", "five frames", "PSNR - bicubic"]
    rows = []
    for one in measured:
        psnr = one.metrics["psnr"]
        made = "fused" if "fused" in psnr else "sr"
        rows.append(
            [
                one.name,
                f"{sum(leaf.size for leaf in jax.tree.leaves(one.bundle.params)) / 1e6:.2f} M",
                *(f"{one.milliseconds[call]:.1f}" if call in one.milliseconds else "-" for call in calls),
                f"{one.metrics['word_acc']['hr']:.1%}",
                *(f"{one.metrics['confidence'][frames]['right']:.1%}" for frames in ("1", "5")),
                f"{psnr[made] - psnr['bicubic']:+.2f} dB ({tables.TITLES[made]})",
            ]
        )
    return header, rows


def _sections(one: Measured, texts: Mapping[str, Sequence[str]]) -> list[str]:
    metrics = one.metrics
    parts = [answers.answers_table(metrics), answers.DEFINITIONS]
    parts += ["### All figures", tables.metrics_table(metrics)]
    parts += ["### Images by layout", tables.layouts_table(metrics["images_by_layout"])]
    if any("left_out" not in of for of in metrics.get("strangers", {}).values()):
        parts += ["### Readers that nobody trained here", tables.strangers_table(metrics["strangers"])]
    parts += [
        "### By layout and scenario",
        tables.groups_table({**metrics["by_layout"], **metrics["by_scenario"]}),
        "### By number of frames",
        tables.fused_table(metrics["fused_by_frames"]) if "fused_by_frames" in metrics else "",
        "Tracks wholly right by the summed log-probabilities of so many frames, each by itself:",
        tables.tracks_table(metrics["track_acc_by_kind"]),
        "### Confidence",
        tables.confidence_table(metrics["confidence"]),
    ]
    for name, of in one.given.items():
        parts += [f"### Given tracks: {name}", tables.readings_table(of["readings"])]
        parts += [tables.given_strangers_table(of["strangers"])] if of["strangers"] else []
        parts += [_missed(of["readings"])]
    for name, of in one.sensitivities.items():
        parts += [f"### Sensitivity: {name}, {counted(len(texts[name]), 'plate')}", *_sensitivity(of, texts[name])]
    return parts


def _missed(by_source: Mapping[str, Mapping[str, Any]]) -> str:
    """A sentence for each source that has few enough readings to list the wrong ones: true text, text read."""
    lists = {name: ", ".join(" ".join(pair) for pair in of["missed"]) for name, of in by_source.items() if name != "one frame"}
    return " ".join(f"Missed in {name} (true, read): {texts}." for name, texts in lists.items() if texts)


def _sensitivity(by_table: Mapping[str, Table], texts: Sequence[str]) -> list[str]:
    """A table per quantity: plates wholly right under each condition."""
    made = []
    for name, table in by_table.items():
        row = ["plates wholly right"]
        row += [tables.with_interval("{:.0%}", values.mean(), bootstrap_interval(values, texts)) for values in table.values()]
        made.append(tables.table([name, *table], [row]))
    return made
