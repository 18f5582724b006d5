"""The statistics of one set of tracks or of two for a person to read: Markdown and histograms."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lpasrn_jax.data.statistics import KINDS, METRICS, Measurements
from lpasrn_jax.evaluation.tables import table
from lpasrn_jax.wording import counted

COLOURS = ("#00468c", "#e07b00")  # of the first set and of the one that it is compared with
BINS = 30
COLUMNS = 4  # histograms in a row
BAD_SHOWN = 20

PIXELS = """\
Brightness, contrast, sharpness, noise and colour are measured {where}, reduced to {lr[0]} x {lr[1]} (LR) and
{hr[0]} x {hr[1]} (HR) pixels where they are larger and never enlarged. Within a track: the mean of the tracks' own standard
deviations."""

COMPARED = """\
Distance: of the two distributions (Kolmogorov-Smirnov), 0 the same, 1 apart; as many tracks of one distribution would exceed
{chance:.2f} in 5 % of cases. Outside: the share of the frames of {second} beyond the 1st and 99th percentiles of {first}, 2 % if
they are alike."""

CORNERS_DIFFER = """\
**One set has corners where the other has none**: its frames are cut to the plate and the other's are not, which by itself
makes them differ. `--whole-frames` measures both alike."""


def report_text(content: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """The Markdown of statistics.json.

    Args:
      content: what `inspect_data` returns.
      pictures: a sentence about each picture, by its file's name.
    """
    sets = content["sets"]
    sizes = {kind: content["sizes"][kind] for kind in KINDS}
    where = (
        "over the whole frame"
        if content["whole_frames"]
        else "between a plate's corners, or over the whole frame where none are known"
    )
    parts = [f"# {' beside '.join(sets)}", _counts_table(sets)]
    parts += [_bad_list(name, one["bad"]) for name, one in sets.items() if one["bad"]]
    parts += ["## Frames", PIXELS.format(where=where, **sizes)]
    if "differences" in content:
        first, second = sets
        parts += [COMPARED.format(chance=content["chance_distance"], first=first, second=second)]
        if not content["whole_frames"] and _corners_differ(sets):
            parts += [CORNERS_DIFFER]
        parts += [_differences_table(kind, content) for kind in content["differences"]]
    else:
        (only,) = sets.values()
        parts += [_metrics_table(kind, metrics) for kind, metrics in only["metrics"].items()]
    parts += [table(["measurement", "what it is"], [[metric.title, metric.definition] for metric in METRICS.values()])]
    parts += ["## Pictures", *(f"{sentence}\n\n![{file}]({file})" for file, sentence in pictures.items())]
    return "\n\n".join(parts) + "\n"


def write_histograms(path: pathlib.Path, sets: Mapping[str, Mapping[str, Any]], measured: Mapping[str, Measurements]) -> None:
    """Characters, then each measurement of LR and of HR frames, as a PNG picture; two sets are laid over each other.

    Args:
      path: of the file.
      sets: the sets in numbers, by name.
      measured: the same sets' measurements.
    """
    panels = {kind: _known_metrics(kind, measured.values()) for kind in KINDS}
    rows = {kind: -(-len(names) // COLUMNS) for kind, names in panels.items() if names}
    heights = [1.3, *(0.45 + 1.5 * count for count in rows.values())]
    figure = Figure(figsize=(11, sum(heights)), layout="constrained")
    parts = figure.subfigures(1 + len(rows), 1, height_ratios=heights)
    _plot_characters(parts[0].subplots(), sets)
    for part, (kind, count) in zip(parts[1:], rows.items(), strict=True):
        part.suptitle(f"{kind.upper()} frames", x=0.01, ha="left", fontsize=10, fontweight="bold")
        axes = part.subplots(count, COLUMNS, squeeze=False).ravel()
        for axis in axes[len(panels[kind]) :]:
            axis.axis("off")
        for axis, name in zip(axes, panels[kind], strict=False):
            _plot_metric(axis, name, {label: one.values[kind][name] for label, one in measured.items() if kind in one.values})
    figure.legend(*parts[0].axes[0].get_legend_handles_labels(), loc="upper right", ncols=2, fontsize=8, frameon=False)
    figure.savefig(path, dpi=100)


def _counts_table(sets: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        ["tracks", *(str(one["tracks"]) for one in sets.values())],
        ["bad tracks", *(str(len(one["bad"])) for one in sets.values())],
        ["different texts", *(str(one["plates"]) for one in sets.values())],
        ["layouts", *(_named_counts(one["layouts"]) for one in sets.values())],
        ["scenarios", *(_named_counts(one["scenarios"]) for one in sets.values())],
    ]
    for kind in KINDS:
        if any(kind in one["frames"] for one in sets.values()):
            cells = [
                f"{one['frames'][kind]}, {one['with_corners'][kind]:.0%} with corners" if kind in one["frames"] else "none"
                for one in sets.values()
            ]
            rows.append([f"{kind.upper()} frames", *cells])
    return table(["", *sets], rows)


def _named_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _bad_list(name: str, bad: Sequence[Mapping[str, str]]) -> str:
    lines = [f"- `{one['track']}`: {one['reason']}" for one in bad[:BAD_SHOWN]]
    if len(bad) > BAD_SHOWN:
        lines.append(f"- and {len(bad) - BAD_SHOWN} more, in statistics.json")
    return "\n".join([f"Bad tracks of {name}, left out:", "", *lines])


def _metrics_table(kind: str, metrics: Mapping[str, Any]) -> str:
    rows = []
    for name, one in metrics.items():
        cells = [_form(name, one["quantiles"][quantile]) for quantile in ("1", "5", "25", "50", "75", "95", "99")]
        rows.append([METRICS[name].title, *cells, _form(name, one["within_track"])])
    return table([f"{kind.upper()} frames", "1 %", "5 %", "25 %", "median", "75 %", "95 %", "99 %", "within a track"], rows)


def _differences_table(kind: str, content: Mapping[str, Any]) -> str:
    """The measurements of both sets, those that tell them apart most first."""
    first, second = content["sets"]
    rows = []
    for name, difference in content["differences"][kind].items():
        both = [content["sets"][label]["metrics"][kind][name] for label in (first, second)]
        cells = [f"{_form(name, one['quantiles']['50'])} ({_span(name, one['quantiles'])})" for one in both]
        within = [_form(name, one["within_track"]) for one in both]
        rows.append([METRICS[name].title, *cells, f"{difference['distance']:.2f}", f"{difference['outside']:.0%}", *within])
    header = [f"{first}, median (5 to 95 %)", second, "distance", "outside", f"{first} within a track", second]
    return table([f"{kind.upper()} frames", *header], rows)


def _span(name: str, quantiles: Mapping[str, float]) -> str:
    return f"{_form(name, quantiles['5'])} to {_form(name, quantiles['95'])}"


def _form(name: str, value: float) -> str:
    return METRICS[name].form.format(value)


def _corners_differ(sets: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the shares of LR frames with corners are far apart."""
    shares = [one["with_corners"]["lr"] for one in sets.values()]
    return max(shares) - min(shares) > 0.1


def _known_metrics(kind: str, measured: Sequence[Measurements]) -> list[str]:
    """Metrics that at least one frame of a kind has."""
    by_name = [one.values[kind] for one in measured if kind in one.values]
    return [name for name in METRICS if any(np.isfinite(values[name]).any() for values in by_name)]


def _plot_characters(axis: Axes, sets: Mapping[str, Mapping[str, Any]]) -> None:
    characters = sorted({character for one in sets.values() for character in one["characters"]})
    width = 0.8 / len(sets)
    for i, (label, one) in enumerate(sets.items()):
        total = max(1, sum(one["characters"].values()))
        shares = [100 * one["characters"].get(character, 0) / total for character in characters]
        places = np.arange(len(characters)) + (i - (len(sets) - 1) / 2) * width
        axis.bar(places, shares, width, color=COLOURS[i], label=f"{label}: {counted(one['tracks'], 'track')}")
    axis.set_xticks(range(len(characters)), characters)
    axis.margins(x=0.01)
    axis.set_title("characters of the plates, % of all", fontsize=9, loc="left")
    _tidy(axis)


def _plot_metric(axis: Axes, name: str, by_label: Mapping[str, np.ndarray]) -> None:
    known = {label: values[np.isfinite(values)] for label, values in by_label.items()}
    everything = np.concatenate(list(known.values()))
    edges = _bin_edges(everything)
    for colour, values in zip(COLOURS, known.values(), strict=False):
        if values.size:
            shares = 100 * np.histogram(values.clip(edges[0], edges[-1]), edges)[0] / values.size
            axis.stairs(shares, edges, fill=True, color=colour, alpha=0.3)
            axis.stairs(shares, edges, color=colour, linewidth=1.2)
    axis.set_ylim(bottom=0)
    axis.set_title(METRICS[name].title, fontsize=9, loc="left")
    _tidy(axis)


def _bin_edges(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " e"]:
    """Edges from the 0.5th to the 99.5th percentile; whole numbers lie in the middle of bins that hold as many of them each."""
    low, high = np.percentile(values, (0.5, 99.5))
    if (values == np.rint(values)).all():
        low, high = math.floor(low), math.ceil(high)
        step = math.ceil((high - low + 1) / BINS)
        return np.arange(low, high + step + 1, step) - 0.5
    return np.linspace(low, high, BINS + 1) if high > low else np.array([low - 0.5, low + 0.5])


def _tidy(axis: Axes) -> None:
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
