"""Looks into a set of tracks, or two beside each other: statistics, histograms and contact sheets in one folder."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from PIL import Image

from lpasrn_jax.commands import data_report, data_sheets
from lpasrn_jax.commands.data_sheets import Picture, View
from lpasrn_jax.data import statistics
from lpasrn_jax.data.tracks import RootContents, Track, find_tracks, format_summary
from lpasrn_jax.errors import UserError
from lpasrn_jax.models.plate_model import PlateModel
from lpasrn_jax.wording import counted

REPORT, STATISTICS, HISTOGRAMS = "report.md", "statistics.json", "histograms.png"


def inspect_data(
    root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    config: Mapping[str, Any],
    against: str | os.PathLike[str] | None = None,
    rows: int = 12,
    seed: int = 0,
    whole_frames: bool = False,
    labelled: bool = True,
    progress: Callable[[Iterable[Track], str], Iterable[Track]] = lambda tracks, _: tracks,
    log: Callable[[str], object] = print,
) -> dict[str, Any]:
    """Write report.md, statistics.json, histograms.png and contact sheets.

    Args:
      root: a folder of tracks.
      out: the folder to write into, made if it is new.
      config: a stage's; its plates, image sizes, augmentation and `data.strict` count.
      against: a folder of tracks to compare with.
      rows: of each sheet.
      seed: of the rows' choice and of the augmentation.
      whole_frames: measure and show frames whole, even where corners are known.
      labelled: as for `find_tracks`; False takes sets of LR frames alone too.
      progress: wraps the iteration over a set's tracks; it is given the set's name too.
      log: is told which tracks are bad.

    Returns:
      The content of statistics.json.

    Raises:
      UserError: for a folder without a usable track and for fewer than one row; with `data.strict`, for a bad track.
    """
    if rows < 1:
        raise UserError(f"rows: {rows}; expected 1 or more")
    model = PlateModel.from_config(config, ())
    view = View({"lr": model.lr_size, "hr": model.hr_size}, whole_frames)
    roots = _named_roots(root, against)
    contents, measured = {}, {}
    for name, path in roots.items():
        contents[name] = _usable_tracks(path, model, strict=config["data"]["strict"], labelled=labelled, log=log)
        tracks = progress(contents[name].tracks, name)
        measured[name] = statistics.measure_tracks(tracks, view.sizes, whole_frames=whole_frames)
    content = _content(roots, contents, measured, view)
    folder = pathlib.Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STATISTICS).write_text(json.dumps(content, indent=1) + "\n")
    data_report.write_histograms(folder / HISTOGRAMS, content["sets"], measured)
    sentences = {HISTOGRAMS: "Shares of characters, and of frames in %; what lies beyond an axis is in its last bar."}
    for file, (picture, sentence) in _sheets(contents, measured, view, model.scale, config, rows, seed).items():
        Image.fromarray(picture).save(folder / file, optimize=True)
        sentences[file] = sentence
    (folder / REPORT).write_text(data_report.report_text(content, sentences))
    return content


def _named_roots(root: str | os.PathLike[str], against: str | os.PathLike[str] | None) -> dict[str, pathlib.Path]:
    """The folders by the names that the report gives them: their own, or their paths where those are alike."""
    paths = [pathlib.Path(path) for path in (root, against) if path is not None]
    names = [path.absolute().name for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise UserError(f"against: {against} is the set itself; expected another folder of tracks")
    return dict(zip(names, paths, strict=True))


def _usable_tracks(
    root: pathlib.Path, model: PlateModel, *, strict: bool, labelled: bool, log: Callable[[str], object]
) -> RootContents:
    contents = find_tracks(root, model.plate_format, strict=strict, labelled=labelled)
    if contents.bad or contents.stray:
        log(format_summary(root, len(contents.tracks), contents.bad, contents.stray))
    if not contents.tracks:
        first = contents.bad[0]
        raise UserError(
            f"{root}: no usable track, {counted(len(contents.bad), 'bad track')}; the first, {first.name}: {first.reason}"
        )
    return contents


def _content(
    roots: Mapping[str, pathlib.Path],
    contents: Mapping[str, RootContents],
    measured: Mapping[str, statistics.Measurements],
    view: View,
) -> dict[str, Any]:
    """What statistics.json holds."""
    sets = {name: {"root": str(roots[name])} | statistics.summarise_set(contents[name], measured[name]) for name in roots}
    content = {"sizes": dict(view.sizes), "whole_frames": view.whole_frames, "sets": sets}
    if len(sets) == 1:
        return content
    differences = statistics.compare_sets(*measured.values())
    return content | {
        "differences": {
            kind: {name: dataclasses.asdict(one) for name, one in by_name.items()} for kind, by_name in differences.items()
        },
        "chance_distance": statistics.chance_distance(*(one["tracks"] for one in sets.values())),
    }


def _sheets(
    contents: Mapping[str, RootContents],
    measured: Mapping[str, statistics.Measurements],
    view: View,
    scale: int,
    config: Mapping[str, Any],
    rows: int,
    seed: int,
) -> dict[str, tuple[Picture, str]]:
    """Contact sheets and what to say of each, by file name."""
    sheets = {}
    if len(contents) > 1:
        count = min(rows, *(len(one.tracks) for one in contents.values()))
        pair = {name: data_sheets.examples_by_contrast(contents[name].tracks, measured[name], count) for name in contents}
        sentence = (
            f"First frames of {' and of '.join(contents)}, each from the least contrast to the most, evenly spaced by rank."
        )
        sheets["beside.png"] = data_sheets.paired_sheet(pair, view), sentence
    for i, (name, one) in enumerate(contents.items()):
        prefix = "other_" if i else ""
        shown = data_sheets.random_examples(one.tracks, rows, seed)
        sheet = data_sheets.example_sheet(shown, view, scale, config["data"]["augment"], seed)
        sheets[f"{prefix}examples.png"] = sheet, f"{name}: a random frame of random tracks, as the networks see it."
        sheets[f"{prefix}tracks.png"] = (
            data_sheets.track_sheet([example.track for example in shown], view),
            f"{name}: all LR frames of the same tracks.",
        )
    return sheets
