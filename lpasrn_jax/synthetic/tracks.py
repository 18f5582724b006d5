"""Writes synthetic tracks in the folder layout that `lpasrn_jax.data` reads.

    out/Scenario-A/Brazilian/track_00001/lr-001.png ... lr-005.png, hr-001.png ... hr-005.png, annotations.json

A track depends on the seed and its number alone, so any number of workers writes the same bytes.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from lpasrn_jax.plates import BRAZIL, PlateFormat
from lpasrn_jax.synthetic import camera, pose, scene
from lpasrn_jax.synthetic.coding import code_frames
from lpasrn_jax.synthetic.plan import DEFAULT_SHARES, SCENARIOS, TrackPlan, plan_tracks
from lpasrn_jax.synthetic.plate import draw_plate
from lpasrn_jax.synthetic.ranges import RANGES, CameraRanges, Ranges
from lpasrn_jax.synthetic.writing import check_workers, encode_annotations, encode_frame, prepare_root, write_all, write_files


def write_tracks(
    out: str | os.PathLike[str],
    num_tracks: int,
    *,
    seed: int,
    scenarios: Mapping[str, float] = DEFAULT_SHARES,
    layouts: Sequence[str] | None = None,
    workers: int = 1,
    plate_format: PlateFormat = BRAZIL,
    ranges: Ranges = RANGES,
    aligned: bool = True,
    overwrite: bool = False,
    progress: Callable[[], object] | None = None,
) -> list[TrackPlan]:
    """Makes tracks of 5 LR and 5 HR frames, each plate another text.

    Args:
      out: the root; created where it is missing.
      num_tracks: how many.
      seed: the same seed writes the same bytes, whatever the number of workers.
      scenarios: share of each scenario of `SCENARIOS`.
      layouts: names of `plate_format`'s layouts, which take turns; None for all.
      workers: processes.
      plate_format: the texts that may occur.
      ranges: colours, poses and cameras.
      aligned: HR frame k shows the very moment of LR frame k. If False, HR frames are later moments, as in the sets of the field.
      overwrite: remove the tracks that are in `out` first.
      progress: called once a track is written.

    Returns:
      The plan of each track, in the order of their numbers.

    Raises:
      UserError: for a folder with something in it, or an argument that cannot be met.
    """
    plans = plan_tracks(num_tracks, seed=seed, scenarios=scenarios, layouts=layouts, plate_format=plate_format)
    check_workers(workers)
    root = pathlib.Path(out)
    prepare_root(root, overwrite=overwrite)
    write = functools.partial(_write_track, root, seed, ranges, aligned)
    write_all(write, plans, workers=workers, progress=progress)
    return plans


def render_track(plan: TrackPlan, seed: int, ranges: Ranges = RANGES, aligned: bool = True) -> Iterator[tuple[str, bytes]]:
    """The files of a synthetic track, as names and contents: 5 LR frames, 5 HR frames, annotations.json."""
    rng = np.random.default_rng([seed, plan.number])
    scenario = SCENARIOS[plan.scenario]
    plate = scene.age_plate(draw_plate(plan.text, plan.layout, plan.pattern, ranges.plate, rng), ranges.plate, rng)
    device = camera.random_camera(ranges.camera, rng, adverse=scenario.adverse)
    light = camera.linear_scene(scene.mount_on_car(plate, ranges.plate, rng), device)
    views = pose.passing_car(ranges.pose, rng, rectified=scenario.corners, aligned=aligned)
    frames = film(light, views, device, ranges.camera, rng, aligned=aligned)
    corners, quality = {}, round(ranges.camera.hr_jpeg.draw(rng))
    for kind, kind_views, kind_frames in zip(("lr", "hr"), views, frames, strict=True):
        for i, (view, frame) in enumerate(zip(kind_views, kind_frames, strict=True), start=1):
            name = f"{kind}-{i:03d}.{scenario.extension}"
            yield name, encode_frame(frame, scenario.extension, 97 if kind == "lr" else quality)
            if scenario.corners:
                corners[name] = view.corners
    yield "annotations.json", encode_annotations(plan.layout, plan.text, corners)


def film(
    light: np.ndarray,
    views: tuple[Sequence[pose.View], Sequence[pose.View]],
    device: camera.Camera,
    ranges: CameraRanges,
    rng: np.random.Generator,
    *,
    aligned: bool,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """LR and HR frames of a scene in linear light, uint8 RGB.

    Args:
      light: result of `camera.linear_scene`.
      views: LR views and HR views.
      device: the camera of the LR frames.
      ranges: what changes between frames, coding, and how good the HR frames are.
      rng: draws from the ranges.
      aligned: LR and HR view k are the same picture, so its light is computed once.
    """
    near = camera.reference_camera(device, ranges, rng)
    lr, hr = [], []
    for lr_view, hr_view in zip(*views, strict=True):
        now = camera.flicker(device, ranges, rng)
        seen = camera.see(light, scene.PLATE_CORNERS, hr_view, now, rng)
        hr.append(camera.record(seen, (hr_view.height, hr_view.width), dataclasses.replace(near, level=now.level), rng))
        if not aligned:  # another moment, with its own exposure, blur and rain
            now = camera.flicker(device, ranges, rng)
            seen = camera.see(light, scene.PLATE_CORNERS, lr_view, now, rng)
        lr.append(camera.record(seen, (lr_view.height, lr_view.width), now, rng))
    return code_frames(lr, [view.corners for view in views[0]], ranges, rng), hr


def _write_track(root: pathlib.Path, seed: int, ranges: Ranges, aligned: bool, plan: TrackPlan) -> None:
    write_files(root / plan.folder, render_track(plan, seed, ranges, aligned))
