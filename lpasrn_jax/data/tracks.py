"""Tracks on disk: which folders are tracks, their content, and the errors of those that cannot be used.

    Scenario-A/Brazilian/track_00001/{lr,hr}-001.png ... {lr,hr}-005.png, annotations.json

A root may be the whole set, one scenario, one layout or a single track. A folder is a track if its name begins with `track_`
or if it holds frames. Hidden files and folders (names that begin with a dot) are no part of a set.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax import frames
from lpasrn_jax.data import annotations
from lpasrn_jax.errors import UserError
from lpasrn_jax.escape import printable
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.wording import counted

MAX_DEPTH = 100  # of nested folders
FRAMES = 5  # LR and HR frames of a labelled track
FRAME_NAME = re.compile(r"(lr|hr)-([0-9]{3})\.(png|jpg|jpeg)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """An image file that has been decoded once, and the corners of the plate in it, if known."""

    path: pathlib.Path
    corners: Float[np.ndarray, "4 2"] | None

    def read(self) -> UInt8[np.ndarray, "h w 3"]:
        """The whole frame, RGB."""
        return frames.decode_image(self.path.read_bytes())


@dataclasses.dataclass(frozen=True, eq=False)
class Track:
    """One pass of one car. In a set without labels (a test set), `hr` is empty, and `text` and `layout` are None."""

    name: str  # its folder, relative to the root
    scenario: str  # the folder named Scenario-..., else "unknown"
    layout: str | None
    text: str | None
    lr: tuple[Frame, ...]
    hr: tuple[Frame, ...]


@dataclasses.dataclass(frozen=True)
class BadTrack:
    """A track that cannot be used, and the reason."""

    name: str
    reason: str


@dataclasses.dataclass(frozen=True)
class RootContents:
    """Tracks, bad tracks, and `stray` paths that belong to no track and are ignored."""

    tracks: tuple[Track, ...]
    bad: tuple[BadTrack, ...]
    stray: tuple[str, ...]


def find_tracks(
    root: str | os.PathLike[str], plate_format: PlateFormat, *, strict: bool = False, labelled: bool = True
) -> RootContents:
    """Reads and checks every track below a root, each image included, in the order of their names.

    Args:
      root: the set's folder.
      plate_format: the texts and layouts that may occur.
      strict: stop at the first bad track.
      labelled: each track must have five LR and five HR frames and annotations. If False, both HR frames and annotations
        may be absent and there may be any number of LR frames, numbered without a gap.

    Raises:
      UserError: for a root that does not exist or holds no track; with `strict`, for the first bad track.
    """
    root = pathlib.Path(root)
    folders, stray = track_folders(root)
    tracks, bad = [], []
    for folder in folders:
        name = _relative_name(folder, root)
        try:
            track, strangers = _read_track(folder, name, plate_format, labelled)
        except UserError as error:
            bad.append(BadTrack(name, str(error)))
            if strict:
                raise strict_error(root, bad[-1]) from error
        else:
            tracks.append(track)
            stray += strangers
    return RootContents(tuple(tracks), tuple(bad), tuple(stray))


def track_folders(root: pathlib.Path) -> tuple[list[pathlib.Path], list[str]]:
    """The track folders below a root, unread, and the stray paths between them.

    Symbolic links are followed; a folder that has already been seen under another name is stray.

    Raises:
      UserError: for a root that does not exist, is no folder, or holds no track.
    """
    advice = "make tracks with `python scripts/make_tracks.py --out data/train`, or point data.root at a folder of tracks"
    if not root.is_dir():
        raise UserError(f"data.root: {root} {'is no folder' if root.exists() else 'does not exist'}; {advice}")
    folders, stray, seen = [], [], set()

    def note(error: OSError):
        folder = pathlib.Path(error.filename)
        if folder.name.startswith("track_"):
            folders.append(folder)  # reading the track will name the reason
        else:
            stray.append(f"{_relative_name(folder, root)} (cannot be read: {error.strerror})")

    for directory, subfolders, files in os.walk(root, followlinks=True, onerror=note):
        folder = pathlib.Path(directory)
        status = folder.stat()
        visible = sorted(name for name in files if not name.startswith("."))
        if (status.st_dev, status.st_ino) in seen:
            stray.append(f"{_relative_name(folder, root)} (leads to a folder already read)")
            subfolders.clear()
        elif folder.name.startswith("track_") or any(map(FRAME_NAME.fullmatch, visible)):
            folders.append(folder)
            subfolders.clear()
        else:
            stray += [_relative_name(folder / name, root) for name in visible]
        if len(folder.relative_to(root).parts) == MAX_DEPTH and subfolders:
            stray.append(f"{_relative_name(folder, root)} (has folders more than {MAX_DEPTH} deep, which are not looked into)")
            subfolders.clear()
        seen.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
    if not folders:
        raise UserError(f"data.root: no track_* folder in {root}; {advice}")
    return folders, stray


def strict_error(root: pathlib.Path, bad: BadTrack) -> UserError:
    """The error that stops a strict run at a bad track."""
    return UserError(f"{root}: bad track {bad.name}: {bad.reason}; mend or remove it, or skip bad tracks with data.strict=False")


def format_summary(root: str | os.PathLike[str], num_tracks: int, bad: Sequence[BadTrack], stray: Sequence[str]) -> str:
    """The number of usable tracks, then one line per bad track and stray path."""
    lines = [f"{root}: {counted(num_tracks, 'track')}, {len(bad)} bad, {counted(len(stray), 'stray path')}"]
    lines += [f"  bad track {track.name}: {track.reason}" for track in bad]
    lines += [f"  stray, ignored: {path}" for path in stray]
    return "\n".join(lines)


def _read_track(folder: pathlib.Path, name: str, plate_format: PlateFormat, labelled: bool) -> tuple[Track, list[str]]:
    """The track, and the stray paths in its folder."""
    try:
        entries = sorted(entry for entry in os.listdir(folder) if not entry.startswith("."))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}") from error
    if not entries:
        raise UserError("is empty; expected lr-001.png ... and annotations.json")
    lr_paths, hr_paths = _frame_paths(folder, entries, labelled)
    scenario, folder_layout = _scenario_and_layout(folder, plate_format)
    text, layout, corners = None, folder_layout, {}
    if annotations.FILE_NAME in entries or labelled:
        parsed = annotations.parse_annotations(
            frames.read_file(folder / annotations.FILE_NAME, annotations.FILE_NAME), plate_format, folder_layout
        )
        text, layout, corners = parsed.text, parsed.layout, parsed.corners
    paths = [*lr_paths, *hr_paths]
    unknown = sorted(set(corners) - {path.name for path in paths})
    if unknown:
        raise UserError(f"{annotations.FILE_NAME}: corners name {unknown[0]!r}, which is no frame of the track")
    lr, hr = (tuple(_read_frame(path, corners.get(path.name)) for path in group) for group in (lr_paths, hr_paths))
    stray = sorted(set(entries) - {path.name for path in paths} - {annotations.FILE_NAME})
    return Track(name, scenario, layout, text, lr, hr), [f"{name}/{printable(entry)}" for entry in stray]


def _frame_paths(folder: pathlib.Path, entries: Sequence[str], labelled: bool) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """LR and HR frame paths in the order of their numbers, with nothing missing."""
    numbered: dict[tuple[str, int], pathlib.Path] = {}
    for entry in entries:
        if match := FRAME_NAME.fullmatch(entry):
            key = (match[1].lower(), int(match[2]))
            if key in numbered:
                raise UserError(f"has two files for one frame, {numbered[key].name} and {entry}")
            numbered[key] = folder / entry
    if not numbered:
        raise UserError("has no frames; expected lr-001.png or lr-001.jpg and so on")
    if labelled:
        count, kinds = FRAMES, ("lr", "hr")
    else:
        count = max(number for _, number in numbered)
        kinds = ("lr", "hr") if any(kind == "hr" for kind, _ in numbered) else ("lr",)
    expected = [(kind, number) for kind in kinds for number in range(1, count + 1)]
    for kind, number in expected:
        if (kind, number) not in numbered:
            raise UserError(f"frame {kind}-{number:03d} is missing")
    surplus = sorted(set(numbered) - set(expected))
    if surplus:
        raise UserError(f"has a frame {numbered[surplus[0]].name}; expected {count} of each of {', '.join(kinds)}, from 001 on")
    paths = [numbered[key] for key in expected]
    return paths[:count], paths[count:]


def _read_frame(path: pathlib.Path, corners: Float[np.ndarray, "4 2"] | None) -> Frame:
    encoded = frames.read_file(path, path.name)
    try:
        size = frames.check_image(encoded)
        if corners is not None:
            annotations.check_corners(corners, size)
    except UserError as error:
        raise UserError(f"{path.name}: {error}") from error
    return Frame(path, corners)


def _scenario_and_layout(folder: pathlib.Path, plate_format: PlateFormat) -> tuple[str, str | None]:
    """Scenario and layout that the nearest folders above a track are named after; ("unknown", None) if there are none."""
    parts = folder.absolute().parent.parts[::-1]
    scenario = next((part for part in parts if part.lower().startswith("scenario")), "unknown")
    return printable(scenario), next((part for part in parts if part in plate_format.layout_names), None)


def _relative_name(path: pathlib.Path, root: pathlib.Path) -> str:
    """The path from the root, or the last part of the root itself."""
    return printable(path.relative_to(root).as_posix() if path != root else path.absolute().name)
