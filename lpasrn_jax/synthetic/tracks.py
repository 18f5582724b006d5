"""Writes synthetic tracks in the folder layout that `lpasrn_jax.data` reads.

    out/Scenario-A/Brazilian/track_00001/lr-001.png ... lr-005.png, hr-001.png ... hr-005.png, annotations.json

A track depends on the seed and its number alone, so any number of workers writes the same bytes.
"""

from __future__ import annotations

import concurrent.futures
import functools
import json
import multiprocessing
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence

import cv2
import numpy as np

from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import BRAZIL, PlateFormat
from lpasrn_jax.synthetic import camera, pose, scene
from lpasrn_jax.synthetic.plan import DEFAULT_SHARES, SCENARIOS, TrackPlan, plan_tracks
from lpasrn_jax.synthetic.plate import draw_plate

_CORNERS = ("top-left", "top-right", "bottom-right", "bottom-left")


def write_tracks(
    out: str | os.PathLike[str],
    num_tracks: int,
    *,
    seed: int,
    scenarios: Mapping[str, float] = DEFAULT_SHARES,
    layouts: Sequence[str] | None = None,
    workers: int = 1,
    plate_format: PlateFormat = BRAZIL,
    overwrite: bool = False,
    progress: Callable[[], object] | None = None,
) -> list[TrackPlan]:
    """Draws tracks of 5 LR and 5 HR frames, each plate another text.

    Args:
      out: the root; created where it is missing.
      num_tracks: how many.
      seed: the same seed writes the same bytes, whatever the number of workers.
      scenarios: share of each scenario of `SCENARIOS`.
      layouts: names of `plate_format`'s layouts, drawn equally often; None for all.
      workers: processes.
      plate_format: the texts that may occur.
      overwrite: remove the tracks that are in `out` first.
      progress: called once a track is written.

    Returns:
      The plan of each track, in the order of their numbers.

    Raises:
      UserError: for a folder with something in it, or an argument that cannot be met.
    """
    plans = plan_tracks(num_tracks, seed=seed, scenarios=scenarios, layouts=layouts, plate_format=plate_format)
    if workers < 1:
        raise UserError(f"workers: {workers}; expected 1 or more")
    root = pathlib.Path(out)
    _prepare_root(root, overwrite)
    write = functools.partial(_write_track, root, seed)
    if workers == 1:
        _drain(map(write, plans), progress)
        return plans
    # spawn: a forked child would inherit the threads of JAX and OpenCV in whatever state they are.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        _drain(pool.map(write, plans, chunksize=4), progress)
    return plans


def render_track(plan: TrackPlan, seed: int) -> Iterator[tuple[str, bytes]]:
    """The files of a track, as names and contents: 5 LR frames, 5 HR frames, annotations.json."""
    rng = np.random.default_rng([seed, plan.number])
    scenario = SCENARIOS[plan.scenario]
    plate = scene.age_plate(draw_plate(plan.text, plan.layout, plan.pattern, rng), rng)
    on_car = scene.mount_on_car(plate, rng)
    device = camera.random_camera(rng, adverse=scenario.adverse)
    views = (pose.approach if scenario.corners else pose.fixed_crop)(rng)
    corners = {}
    for kind, quality, kind_views in zip(("lr", "hr"), (camera.LR, camera.HR), views, strict=True):
        light = camera.linear_scene(on_car, quality)
        for i, view in enumerate(kind_views, start=1):
            name = f"{kind}-{i:03d}.{scenario.extension}"
            frame = camera.compress(camera.capture(light, view, device, quality, rng), quality, rng)
            yield name, frame if scenario.extension == "jpg" else _jpeg_to_png(frame)
            if scenario.corners:
                corners[name] = dict(zip(_CORNERS, np.round(view.corners, 2).tolist(), strict=True))
    annotations = {"plate_layout": plan.layout, "plate_text": plan.text, "corners": corners}
    yield "annotations.json", (json.dumps(annotations, indent=2) + "\n").encode()


def _write_track(root: pathlib.Path, seed: int, plan: TrackPlan) -> None:
    folder = root / plan.folder
    folder.mkdir(parents=True)
    for name, content in render_track(plan, seed):
        (folder / name).write_bytes(content)


def _drain(finished: Iterator[None], progress: Callable[[], object] | None) -> None:
    for _ in finished:
        if progress is not None:
            progress()


def _prepare_root(root: pathlib.Path, overwrite: bool) -> None:
    if root.exists() and not root.is_dir():
        raise UserError(f"{root} is a file; expected a folder for the tracks")
    root.mkdir(parents=True, exist_ok=True)
    if overwrite:
        for folder in sorted(root.glob("*/*/track_*")):
            shutil.rmtree(folder)
    elif any(root.iterdir()):
        raise UserError(f"{root} is not empty; give another folder, or ask for its tracks to be replaced (overwrite)")


def _jpeg_to_png(encoded: bytes) -> bytes:
    """What a camera sent as JPEG, kept without further loss."""
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    return cv2.imencode(".png", image)[1].tobytes()
