"""What a path given to a command holds: one image, a video, a folder of images, or a folder of tracks."""

from __future__ import annotations

import collections
import os
import pathlib
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from lpasrn_jax.commands import video
from lpasrn_jax.data import tracks
from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import FORMATS, frame_array
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.reading.inputs import rgb_image
from lpasrn_jax.reading.region import Region


class Source(NamedTuple):
    """One plate.

    name: unique, with `/` between folders, and as the file system has it, so not always printable; of an image, its path without
      the ending.
    images: by the names under which their SR images are kept, again without an ending.
    """

    name: str
    images: dict[str, pathlib.Path | tracks.Frame | UInt8[np.ndarray, "h w 3"]]


class Sources(NamedTuple):
    """Plates in the order of their names, and what is left out with the reason. `are_tracks` if each plate is a track."""

    plates: tuple[Source, ...]
    left_out: tuple[tuple[str, str], ...]
    are_tracks: bool


def find_sources(path: pathlib.Path, plate_format: PlateFormat, region: Region | None = None) -> Sources:
    """The plates at a path; images are not decoded yet, but those of tracks have been checked, and those of videos are.

    Args:
      path: an image file; a folder of images, at any depth; or a folder of tracks as `data.tracks` describes them, with or
        without annotations and HR frames, of which the LR frames count; or a video, of which the sharpest frames count.
      plate_format: the texts that annotations may hold.
      region: where the plate is in the frames of a video.

    Raises:
      UserError: for a path that does not exist and for a folder without an image.
    """
    if not path.is_dir():
        if not os.path.lexists(path):
            raise UserError(f"{path}: does not exist; give an image, a folder of images or a folder of tracks")
        if path.suffix.lower() in video.ENDINGS:
            frames = video.sharpest_frames(path, region or Region())
            images = {f"{path.stem}/{name}": frame for name, frame in frames.items()}
            return Sources((Source(path.stem, images),), (), are_tracks=True)
        return Sources((Source(path.stem, {path.stem: path}),), (), are_tracks=False)
    files, left_out, has_track = _walk(path)
    if has_track:
        contents = tracks.find_tracks(path, plate_format, labelled=False)
        plates = tuple(_track_source(track, path) for track in contents.tracks)
        bad = [(track.name, track.reason) for track in contents.bad]
        others = [name for name in contents.stray if not _beside_frames(name, contents)]
        return Sources(plates, (*bad, *((name, "is no part of a track") for name in others)), are_tracks=True)
    known = {ending for endings in FORMATS.values() for ending in endings}
    images = {name: file for name, file in files.items() if file.suffix.lower() in known}
    if not images:
        raise UserError(f"{path}: holds no image; expected files such as plate.png, or folders track_*")
    stems = {name: name.removesuffix(file.suffix) for name, file in images.items()}
    counts = collections.Counter([*stems.values(), *images])
    plates = []
    for name, file in images.items():
        unique = stems[name] if counts[stems[name]] == 1 else name  # plate.jpg beside plate.png, or beside plate.jpg.png
        plates.append(Source(unique, {unique: file}))
    others = [(name, "is not named like an image") for name in files if name not in images]
    return Sources(tuple(plates), (*others, *left_out), are_tracks=False)


def _track_source(track: tracks.Track, root: pathlib.Path) -> Source:
    folder = track.lr[0].path.parent
    name = folder.relative_to(root).as_posix() if folder != root else root.absolute().name
    return Source(name, {f"{name}/{frame.path.stem}": frame for frame in track.lr})


def _beside_frames(name: str, contents: tracks.RootContents) -> bool:
    """Whether a stray path is another file in a track's folder, such as an hr.png or notes: that hinders nobody."""
    return pathlib.PurePosixPath(name).parent.as_posix() in {track.name for track in (*contents.tracks, *contents.bad)}


def source_image(
    image: pathlib.Path | tracks.Frame | UInt8[np.ndarray, "h w 3"], size: tuple[int, int], region: Region | None = None
) -> UInt8[np.ndarray, "h w 3"]:
    """The plate of an image.

    Args:
      image: of a `Source`; an array is cut out already.
      size: height and width to which the plate is brought upright where the set says where its corners are.
      region: where the plate is, whatever the set says; None for the set's own corners, or the image as it is.
    """
    if isinstance(image, np.ndarray):
        return image
    if region is not None:
        return region.cut(image.read() if isinstance(image, tracks.Frame) else rgb_image(image), "the image")
    if not isinstance(image, tracks.Frame):
        return rgb_image(image)
    return image.read() if image.corners is None else frame_array(image.read(), image.corners, size)


def _walk(root: pathlib.Path) -> tuple[dict[str, pathlib.Path], list[tuple[str, str]], bool]:
    """Visible files below a folder by relative name, sorted; folders left out with the reason; and whether a track is there.

    Links are followed, each folder is seen once.
    """
    files, left_out, has_track, seen = {}, [], False, set()

    def note(error: OSError):
        left_out.append((os.path.relpath(error.filename, root), f"cannot be read: {error.strerror}"))

    for directory, subfolders, names in os.walk(root, followlinks=True, onerror=note):
        folder = pathlib.Path(directory)
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        relative = folder.relative_to(root)
        if len(relative.parts) == tracks.MAX_DEPTH and subfolders:
            left_out.append((relative.as_posix(), f"has folders more than {tracks.MAX_DEPTH} deep, which are not looked into"))
            subfolders.clear()
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        visible = [name for name in names if not name.startswith(".")]
        has_track |= folder.name.startswith("track_") or any(map(tracks.FRAME_NAME.fullmatch, visible))
        files |= {(relative / name).as_posix(): folder / name for name in visible}
    return dict(sorted(files.items())), left_out, has_track
