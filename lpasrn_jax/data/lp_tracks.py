"""Tracks prepared for training: one record per track in an ArrayRecord file, written and read by tensorflow-datasets.

A folder is checked and packed once, whatever the split; after that, random access to any frame pair is one read. Neither writing
nor reading needs TensorFlow.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import shutil
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import filelock
import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from lpasrn_jax.data import splits, tracks
from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.wording import counted

Record = dict[str, Any]  # what a data source yields for a track; its keys are in `LpTracks._info`

SPLIT = "tracks"  # the only split in TFDS: the validation tracks are selected on reading


@dataclasses.dataclass(frozen=True)
class Subset(Sequence[Record]):
    """Some records of a data source, in their original order."""

    source: Sequence[Record]
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Record:
        return self.source[self.indices[index]]


@dataclasses.dataclass(frozen=True)
class PreparedTracks:
    """All tracks of the root, and the two splits, as random-access sequences of records in the order of the tracks' names.

    `scenarios` are the names of all scenarios, sorted; `summary` names every bad track with its reason.
    """

    all: Sequence[Record]
    train: Sequence[Record]
    val: Sequence[Record]
    scenarios: tuple[str, ...]
    bad: tuple[tracks.BadTrack, ...]
    summary: str
    directory: pathlib.Path


def prepare(
    root: str | os.PathLike[str],
    plate_format: PlateFormat,
    *,
    tfds_dir: str | os.PathLike[str],
    val_split: float,
    val_root: str | os.PathLike[str] = "",
    val_list: str | os.PathLike[str] = "",
    strict: bool = False,
) -> PreparedTracks:
    """The tracks below a root, prepared now unless they already are and nothing in them has changed.

    Logs the summary of bad tracks in either case, and the number of plates that are in both splits. Processes that prepare the
    same set wait for the first of them.

    Args:
      root: a folder of labelled tracks, as `tracks.find_tracks` takes it.
      plate_format: the texts and layouts that may occur.
      tfds_dir: the folder for prepared sets.
      val_split: the share of the plate texts, in [0, 1], that is for validation. It only filters the prepared set: another
        value needs no new preparation.
      val_root: a folder whose tracks are all for validation, in place of a share of `root`.
      val_list: a file that lists the validation tracks of `root`, see `splits.listed_tracks`; also in place of a share.
      strict: stop at the first bad track.

    Raises:
      UserError: for a root without a usable track, a list that can't be used, and a root and a list together; with `strict`, for
        any bad track.
      ValueError: for a `val_split` outside [0, 1].
    """
    if val_root and val_list:
        raise UserError(f"data.val_root: {val_root} and data.val_list: {val_list} found; expected one of them, or neither")
    if val_root:
        return _two_roots(*(_prepared(place, plate_format, tfds_dir, strict) for place in (root, val_root)))
    prepared = _prepared(root, plate_format, tfds_dir, strict)
    listed = splits.listed_tracks(val_list, prepared.names) if val_list else None
    members: dict[str, list[int]] = {"train": [], "val": []}
    for index, text in enumerate(prepared.texts):
        split = splits.split_of(text, val_split) if listed is None else "val" if index in listed else "train"
        members[split].append(index)
    _warn_of_shared(*([prepared.texts[index] for index in members[name]] for name in ("train", "val")))
    train, val = (Subset(prepared.source, tuple(members[name])) for name in ("train", "val"))
    return PreparedTracks(prepared.source, train, val, prepared.scenarios, prepared.bad, prepared.summary, prepared.directory)


class _Prepared(NamedTuple):
    """The records of a root, the names and texts of their tracks, and further fields as in `PreparedTracks`."""

    source: Sequence[Record]
    names: tuple[str, ...]
    texts: tuple[str, ...]
    scenarios: tuple[str, ...]
    bad: tuple[tracks.BadTrack, ...]
    summary: str
    directory: pathlib.Path


def _prepared(
    root: str | os.PathLike[str], plate_format: PlateFormat, tfds_dir: str | os.PathLike[str], strict: bool
) -> _Prepared:
    root = pathlib.Path(root)
    home = pathlib.Path(tfds_dir).expanduser() / LpTracks.name
    place = home / fingerprint(root, plate_format)
    place.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(home / f"{place.name}.lock"):
        builder = LpTracks(data_dir=place, file_format="array_record")
        directory = pathlib.Path(builder.data_path)
        if not directory.exists():  # TFDS moves it here once it is complete
            contents = tracks.find_tracks(root, plate_format, strict=strict)
            if not contents.tracks:
                first = contents.bad[0]
                raise UserError(
                    f"{root}: no usable track, {counted(len(contents.bad), 'bad track')}; the first, {first.name}: {first.reason}"
                )
            # Left by a killed process; while this process holds the lock, no other is writing here.
            for remains in directory.parent.glob("incomplete.*"):
                shutil.rmtree(remains)
            builder = LpTracks(data_dir=place, file_format="array_record", contents=contents)
            builder.download_and_prepare()
    known = builder.info.metadata
    bad = tuple(tracks.BadTrack(name, reason) for name, reason in known["bad"])
    if strict and bad:
        raise tracks.strict_error(root, bad[0])
    summary = tracks.format_summary(root, known["num_tracks"], bad, known["stray"])
    logging.log(logging.WARNING if bad else logging.INFO, "%s", summary)
    names, texts, scenarios = (tuple(known[key]) for key in ("names", "texts", "scenarios"))
    return _Prepared(builder.as_data_source(SPLIT), names, texts, scenarios, bad, summary, directory)


def _two_roots(first: _Prepared, second: _Prepared) -> PreparedTracks:
    """All of the first for training, all of the second for validation."""
    _warn_of_shared(first.texts, second.texts)
    train, val = (Subset(one.source, tuple(range(len(one.texts)))) for one in (first, second))
    scenarios = tuple(sorted({*first.scenarios, *second.scenarios}))
    summary = f"{first.summary}\n{second.summary}"
    return PreparedTracks(first.source, train, val, scenarios, first.bad + second.bad, summary, first.directory)


def _warn_of_shared(train: Sequence[str], val: Sequence[str]) -> None:
    shared = {*train} & {*val}
    if shared:
        plates = counted(len(shared), "plate")
        logging.warning("%s for validation also in training, such as %s: figures will flatter", plates, min(shared))


def fingerprint(root: pathlib.Path, plate_format: PlateFormat) -> str:
    """A name for a prepared set that depends on everything that its content depends on.

    That is the path of the root (the folders above a track name its scenario), name, size and modification time of each file in
    a track, the plate format, and the version of the builder.
    """
    digest = hashlib.sha256(repr((str(LpTracks.VERSION), str(root.resolve()), plate_format)).encode())
    folders, _ = tracks.track_folders(root)
    for folder in folders:
        digest.update(os.fsencode(folder.relative_to(root)))
        for path in [folder, *sorted(folder.glob("*"))]:  # the folder too, in case its entries cannot be read
            try:
                status = path.stat()
            except OSError:  # a link that leads nowhere
                status = path.lstat()
            digest.update(os.fsencode(path.name) + repr((status.st_mode, status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()[:16]


class LpTracks(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """The builder behind `prepare`.

    Args:
      contents: the tracks to write; without them the builder only reads the set prepared in its `data_dir`.
    """

    VERSION = tfds.core.Version("2.1.0")

    def __init__(self, *, contents: tracks.RootContents | None = None, **kwargs):
        self._contents = contents
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        encoded_frames = tfds.features.Sequence(tfds.features.Tensor(shape=(), dtype=np.object_), length=tracks.FRAMES)
        corners = tfds.features.Tensor(shape=(tracks.FRAMES, 4, 2), dtype=np.float32)  # NaN for a frame without corners
        features = {
            "track": tfds.features.Text(),
            "scenario": tfds.features.Text(),
            "layout": tfds.features.Text(),
            "text": tfds.features.Text(),
            "lr": encoded_frames,
            "hr": encoded_frames,
            "lr_corners": corners,
            "hr_corners": corners,
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description="Tracks of low- and high-resolution images of licence plates.",
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(),
            disable_shuffling=True,  # record i is that of the i-th text in the metadata
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[str, Record]]]:
        contents = self._contents
        self.info.metadata.update(
            num_tracks=len(contents.tracks),
            bad=[dataclasses.astuple(track) for track in contents.bad],
            stray=contents.stray,
            scenarios=sorted({track.scenario for track in contents.tracks}),
            names=[track.name for track in contents.tracks],
            texts=[track.text for track in contents.tracks],
        )
        return {SPLIT: self._generate_examples(contents.tracks)}

    def _generate_examples(self, group: Sequence[tracks.Track]) -> Iterator[tuple[str, Record]]:
        for track in group:
            record = {"track": track.name, "scenario": track.scenario, "layout": track.layout, "text": track.text}
            for kind, frames in (("lr", track.lr), ("hr", track.hr)):
                record[kind] = [frame.path.read_bytes() for frame in frames]
                none = np.full((4, 2), np.nan, np.float32)
                record[f"{kind}_corners"] = np.stack([none if frame.corners is None else frame.corners for frame in frames])
            yield track.name, record
