"""What every maker of tracks does with them: an output folder that is theirs, processes, and the files of a track."""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax.errors import UserError

PARTIAL = ".partial-"  # begins the name of a track's folder until all of it is written
_CORNERS = ("top-left", "top-right", "bottom-right", "bottom-left")
Plan = TypeVar("Plan")


def prepare_root(root: pathlib.Path, *, overwrite: bool) -> None:
    """Creates the output folder, or, with `overwrite`, removes the tracks in it.

    Raises:
      UserError: for a file in its place, or a folder with something in it.
    """
    if root.exists() and not root.is_dir():
        raise UserError(f"{root} is a file; expected a folder for the tracks")
    root.mkdir(parents=True, exist_ok=True)
    if overwrite:
        for folder in sorted((*root.glob("*/*/track_*"), *root.glob(f"*/*/{PARTIAL}*"))):
            shutil.rmtree(folder)
    elif any(root.iterdir()):
        raise UserError(f"{root} is not empty; give another folder, or ask for its tracks to be replaced (overwrite)")


def write_all(
    write: Callable[[Plan], None], plans: Sequence[Plan], *, workers: int, progress: Callable[[], object] | None
) -> None:
    """Calls `write` for each plan, in this process or several; `progress` is called after each."""
    if workers == 1:
        _drain(map(write, plans), progress)
        return
    # spawn: a forked child would inherit the threads of JAX and OpenCV in whatever state they are.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        try:
            _drain(pool.map(write, plans, chunksize=4), progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # one full disk is enough
            raise


def check_workers(workers: int) -> None:
    """Raise UserError for a number of processes below 1."""
    if workers < 1:
        raise UserError(f"workers: {workers}; expected 1 or more")


def write_files(folder: pathlib.Path, files: Iterator[tuple[str, bytes]]) -> None:
    """Writes a track's files, given as names and contents, into a new folder, which is there whole or not at all."""
    partial = folder.with_name(f"{PARTIAL}{folder.name}")
    partial.mkdir(parents=True)
    try:
        for name, content in files:
            (partial / name).write_bytes(content)
        partial.rename(folder)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError):  # that of a full disk names no file
            raise OSError(error.errno, error.strerror, str(folder)) from error
        raise


def encode_frame(frame: UInt8[np.ndarray, "h w 3"], extension: str, quality: int = 97) -> bytes:
    """The bytes of a PNG, or of a JPEG of that quality."""
    settings = [] if extension == "png" else [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(f".{extension}", frame[..., ::-1], settings)[1].tobytes()


def encode_annotations(layout: str, text: str, corners: Mapping[str, Float[np.ndarray, "4 2"]]) -> bytes:
    """The content of annotations.json; `corners` has a frame's file name as key."""
    named = {name: dict(zip(_CORNERS, np.round(points, 2).tolist(), strict=True)) for name, points in corners.items()}
    return (json.dumps({"plate_layout": layout, "plate_text": text, "corners": named}, indent=2) + "\n").encode()


def _drain(finished: Iterator[None], progress: Callable[[], object] | None) -> None:
    for _ in finished:
        if progress is not None:
            progress()
