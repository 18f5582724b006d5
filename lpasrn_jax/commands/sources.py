"""What a path given to a command holds: one image, a folder of images, or a folder of tracks."""

from __future__ import annotations

import os
import pathlib
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lpasrn_jax.data import tracks
from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import frame_array
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.reading.inputs import rgb_image


class Source(NamedTuple):
    """One plate.

    name: unique, with `/` between folders; of an image, its path without the ending.
    images: by the names under which their SR images are kept, again without an ending.
    """

    name: str
    images: dict[str, pathlib.Path | tracks.Frame]


class Sources(NamedTuple):
    """Plates in the order of their names, and what is left out with the reason. `are_tracks` if each plate is a track."""

    plates: tuple[Source, ...]
    left_out: tuple[tuple[str, str], ...]
    are_tracks: bool


def find_sources(path: pathlib.Path, plate_format: PlateFormat) -> Sources:
    """The plates at a path; images are not decoded yet, but those of tracks have been checked.

    Args:
      path: an image file; a folder of images, at any depth; or a folder of tracks as `data.tracks` describes them, with or
        without annotations and HR frames, of which the LR frames count.
      plate_format: the texts that annotations may hold.

    Raises:
      UserError: for a path that does not exist and for a folder without an image.
    """
    if not path.is_dir():
        if not os.path.lexists(path):
            raise UserError(f"{path}: does not exist; give an image, a folder of images or a folder of tracks")
        return Sources((Source(path.stem, {path.stem: path}),), (), are_tracks=False)
    files, track_folders = _walk(path)
    if track_folders:
        found = tracks.find_tracks(path, plate_format, labelled=False)
        plates = tuple(Source(track.name, {f"{track.name}/{f.path.stem}": f for f in track.lr}) for track in found.tracks)
        bad = [(track.name, track.reason) for track in found.bad]
        return Sources(plates, (*bad, *((name, "is no part of a track") for name in found.stray)), are_tracks=True)
    known = Image.registered_extensions()
    names = {file: file.relative_to(path).as_posix() for file in files}
    images = [file for file in files if file.suffix.lower() in known]
    if not images:
        raise UserError(f"{path}: holds no image; expected files such as plate.png, or folders track_*")
    plates, stems = [], [names[file].removesuffix(file.suffix) for file in images]
    for file, stem in zip(images, stems, strict=True):
        name = stem if stems.count(stem) == 1 else names[file]  # plate.jpg beside plate.png
        plates.append(Source(name, {name: file}))
    others = tuple((names[file], "is not named like an image") for file in files if file not in set(images))
    return Sources(tuple(plates), others, are_tracks=False)


def source_image(image: pathlib.Path | tracks.Frame, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """The image as it is, or, where its plate's corners are known, the plate brought upright to `size` (height, width)."""
    if not isinstance(image, tracks.Frame):
        return rgb_image(image)
    return image.read() if image.corners is None else frame_array(image.read(), image.corners, size)


def _walk(root: pathlib.Path) -> tuple[list[pathlib.Path], bool]:
    """Visible files below a folder, sorted, and whether a track is there. Links are followed, each folder is seen once."""
    files, has_track, seen = [], False, set()
    for directory, subfolders, names in os.walk(root, followlinks=True):
        status = os.stat(directory)
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        visible = [name for name in names if not name.startswith(".")]
        has_track |= pathlib.Path(directory).name.startswith("track_") or any(map(tracks.FRAME_NAME.fullmatch, visible))
        files += [pathlib.Path(directory, name) for name in visible]
    return sorted(files), has_track
