"""Contact sheets of tracks: what the networks see of them, and what augmentation makes of it."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax import images
from lpasrn_jax.data import augment
from lpasrn_jax.data.statistics import Measurements
from lpasrn_jax.data.tracks import Frame, Track
from lpasrn_jax.frames import frame_array
from lpasrn_jax.pictures import image_grid

Picture = UInt8[np.ndarray, "ph pw 3"]
Images = Float[np.ndarray, "b h w 3"]


class View(NamedTuple):
    """How frames become images.

    sizes: height and width by kind, `lr` and `hr`.
    whole_frames: leave corners out of account.
    """

    sizes: Mapping[str, tuple[int, int]]
    whole_frames: bool = False

    def read(self, kind: str, shown: Sequence[Frame]) -> Images:
        """The frames' plates in [-1, 1]."""
        size = self.sizes[kind]
        arrays = [frame_array(frame.read(), None if self.whole_frames else frame.corners, size) for frame in shown]
        return np.asarray(images.to_float(np.stack(arrays)))


class Example(NamedTuple):
    """A frame of a track: LR frame number `frame`, from 0, and the HR frame of that number where there is one."""

    track: Track
    frame: int


def random_examples(tracks: Sequence[Track], count: int, seed: int) -> list[Example]:
    """A random frame of each of `count` random tracks, or of all if they are fewer, in the order of the tracks."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(tracks))[:count])
    return [Example(tracks[i], int(rng.integers(len(tracks[i].lr)))) for i in chosen]


def examples_by_contrast(tracks: Sequence[Track], measurements: Measurements, count: int) -> list[Example]:
    """First frames of `count` tracks, from the least contrast to the most, evenly spaced by rank."""
    first = np.unique(measurements.track["lr"], return_index=True)[1]
    order = np.argsort(measurements.values["lr"]["contrast"][first], kind="stable")
    places = np.rint(np.linspace(0, len(order) - 1, count)).astype(int)
    return [Example(tracks[i], 0) for i in order[places]]


def example_sheet(shown: Sequence[Example], view: View, scale: int, config: Mapping[str, Any], seed: int) -> Picture:
    """One row per example: LR, bicubic, HR, then LR and HR after augmentation where the config has it enabled.

    Args:
      shown: the examples; HR is left out unless all have it.
      view: how frames become images.
      scale: of bicubic images against LR.
      config: the keys of `augment.DEFAULTS`.
      seed: of the augmentation.
    """
    lr = view.read("lr", [example.track.lr[example.frame] for example in shown])
    bicubic = images.bicubic_upscale(jnp.asarray(lr), scale)
    columns = {"LR": lr, "bicubic": bicubic}
    has_hr = all(example.track.hr for example in shown)
    if has_hr:
        columns["HR"] = view.read("hr", [example.track.hr[example.frame] for example in shown])
    if config["enabled"]:
        change = jax.jit(lambda key, lr, hr: augment.augment(key, lr, hr, config))
        changed_lr, changed_hr = change(jax.random.key(seed), lr, columns["HR"] if has_hr else bicubic)
        columns["LR, augmented"] = changed_lr
        if has_hr:
            columns["HR, augmented"] = changed_hr
    captions = {"LR": [_text(example.track) for example in shown], "bicubic": [_place(example) for example in shown]}
    return image_grid({title: np.asarray(column) for title, column in columns.items()}, captions=captions)


def track_sheet(shown: Sequence[Track], view: View) -> Picture:
    """One row per track: its LR frames, as many as the shortest track has, and the first HR frame if all have one."""
    count = min(len(track.lr) for track in shown)
    columns = {f"lr-{i + 1:03d}": view.read("lr", [track.lr[i] for track in shown]) for i in range(count)}
    if all(track.hr for track in shown):
        columns["hr-001"] = view.read("hr", [track.hr[0] for track in shown])
    captions = {"lr-001": [_text(track) for track in shown]}
    return image_grid(columns, magnify=1, captions=captions)


def paired_sheet(pair: Mapping[str, Sequence[Example]], view: View) -> Picture:
    """Two sets side by side: LR of the one, LR of the other, then HR of both where both have it.

    Args:
      pair: the sets' examples by the name of the set, as many of each.
      view: how frames become images.
    """
    has_hr = all(example.track.hr for shown in pair.values() for example in shown)
    columns, captions = {}, {}
    for kind in ("lr", "hr") if has_hr else ("lr",):
        for name, shown in pair.items():
            title = f"{kind.upper()}, {name}"
            columns[title] = view.read(kind, [getattr(example.track, kind)[example.frame] for example in shown])
            captions[title] = [_text(example.track) if kind == "lr" else _place(example) for example in shown]
    return image_grid(columns, captions=captions)


def _text(track: Track) -> str:
    return track.text or "no text"


def _place(example: Example) -> str:
    """Where to find an example: its track's own folder and the number of its frame."""
    return f"{pathlib.PurePath(example.track.name).name} {example.frame + 1:03d}"
