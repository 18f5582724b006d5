"""Statistics of a set of tracks: of its texts and folders, and of measurements of each frame.

Two sets are compared by the distributions of each measurement: their distance, and the share of one set that lies outside the
range of the other.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.stats import ks_2samp

from lpasrn_jax import frames
from lpasrn_jax.data.tracks import RootContents, Track

KINDS = ("lr", "hr")
QUANTILES = (1, 5, 25, 50, 75, 95, 99)  # percent
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
NOISE_MASK = np.array([(1, -2, 1), (-2, 4, -2), (1, -2, 1)], np.float32)  # ignores edges along an axis: Immerkaer 1996


class Metric(NamedTuple):
    """A measurement of a frame: its title in tables, its definition, and the format of its figures."""

    title: str
    definition: str
    form: str


METRICS = {
    "frame_height": Metric("frame height, px", "of the file", "{:z.0f}"),
    "frame_width": Metric("frame width, px", "of the file", "{:z.0f}"),
    "plate_height": Metric("plate height, px", "mean of the left and right sides between the corners", "{:z.1f}"),
    "plate_share": Metric("plate's share of the frame", "area between the corners over that of the frame", "{:z.2f}"),
    "tilt": Metric(
        "tilt, degrees", "of the top and bottom sides between the corners; positive: the right end is lower", "{:z.1f}"
    ),
    "brightness": Metric("brightness", "mean grey level (BT.601 luma), 0 to 255", "{:z.0f}"),
    "contrast": Metric("contrast", "Michelson, of the 95th and 5th percentiles of grey", "{:z.2f}"),
    "sharpness": Metric(
        "sharpness", "high-pass (grey less a Gaussian blur of 1 pixel) over grey, standard deviations", "{:z.2f}"
    ),
    "noise": Metric(
        "noise", "standard deviation of grey, robust to edges (Immerkaer 1996, with a median), levels of 255", "{:z.1f}"
    ),
    "colour_noise": Metric("colour noise", "the same of red - grey and blue - grey, their mean", "{:z.1f}"),
    "blue_red": Metric("blue - red", "mean difference, -255 to 255", "{:z.0f}"),
    "lab_a": Metric("CIELAB a*", "mean; from green, negative, to red", "{:z.1f}"),
    "lab_b": Metric("CIELAB b*", "mean; from blue, negative, to yellow", "{:z.1f}"),
    "chroma": Metric("chroma", "mean distance from grey in CIELAB", "{:z.1f}"),
}

Values = Mapping[str, Mapping[str, Float[np.ndarray, " n"]]]


@dataclasses.dataclass(frozen=True, eq=False)
class Measurements:
    """Every frame's measurements, in the order of the tracks.

    Attributes:
      values: by kind (`lr`, `hr`) and metric; NaN where corners are needed and unknown.
      track: by kind, the index of each frame's track.
    """

    values: Values
    track: Mapping[str, Int[np.ndarray, " n"]]


@dataclasses.dataclass(frozen=True)
class Difference:
    """How the values of a second set differ from those of a first.

    Attributes:
      distance: Kolmogorov-Smirnov, the largest difference of the cumulative shares: 0 same, 1 disjoint.
      outside: share of the second set's values beyond the first set's 1st and 99th percentiles; 0.02 for the same distribution.
    """

    distance: float
    outside: float


def measure_frame(
    image: UInt8[np.ndarray, "h w 3"],
    corners: Float[np.ndarray, "4 2"] | None,
    size: tuple[int, int],
    *,
    whole: bool = False,
) -> dict[str, float]:
    """The measurements of `METRICS`.

    Measured on the plate between its corners, or on the whole frame, reduced to `size` if it is larger, as for the networks, and
    never enlarged, which would blur it.

    Args:
      image: RGB.
      corners: as `frames.frame_array` takes them; None if unknown.
      size: height and width of the networks' images of this kind.
      whole: measure the pixels of the whole frame even where corners are known.
    """
    h, w, _ = image.shape
    measurements = {
        "frame_height": float(h),
        "frame_width": float(w),
        "plate_height": math.nan,
        "plate_share": math.nan,
        "tilt": math.nan,
    }
    own_height, own_width = float(h), float(w)
    if corners is not None:
        top, right, bottom, left = np.roll(corners, -1, axis=0) - corners
        plate_height, plate_width = (
            0.5 * (math.hypot(*one) + math.hypot(*other)) for one, other in ((left, right), (top, bottom))
        )
        along = top - bottom  # the bottom side runs from right to left
        measurements["plate_height"] = plate_height
        measurements["plate_share"] = cv2.contourArea(np.float32(corners)) / (h * w)
        measurements["tilt"] = math.degrees(math.atan2(along[1], along[0]))
        if not whole:
            own_height, own_width = plate_height, plate_width
    shape = (min(size[0], max(1, round(own_height))), min(size[1], max(1, round(own_width))))
    return measurements | _measure_pixels(frames.frame_array(image, None if whole else corners, shape))


def measure_tracks(tracks: Iterable[Track], sizes: Mapping[str, tuple[int, int]], *, whole_frames: bool = False) -> Measurements:
    """Reads and measures every frame.

    Args:
      tracks: checked tracks.
      sizes: height and width of the networks' images by kind.
      whole_frames: as `whole` of `measure_frame`.
    """
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    owners: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for number, track in enumerate(tracks):
        for kind in KINDS:
            for frame in getattr(track, kind):
                rows[kind].append(measure_frame(frame.read(), frame.corners, sizes[kind], whole=whole_frames))
                owners[kind].append(number)
    values = {kind: {name: np.array([row[name] for row in rows[kind]]) for name in METRICS} for kind in KINDS if rows[kind]}
    return Measurements(values, {kind: np.array(owners[kind]) for kind in values})


def summarise_set(contents: RootContents, measurements: Measurements) -> dict[str, Any]:
    """Statistics of the set, ready for JSON.

    `tracks`, `plates` (different texts), `bad` and `stray`; tracks by `layouts` and by `scenarios`; how often each of the
    `characters` stands on a track's plate; `frames` by kind, the share of them `with_corners`, and `metrics` by kind: mean,
    standard deviation, `QUANTILES` and `within_track`, the mean of the tracks' own standard deviations.
    """
    texts = [track.text for track in contents.tracks if track.text is not None]
    return {
        "tracks": len(contents.tracks),
        "plates": len(set(texts)),
        "bad": [{"track": track.name, "reason": track.reason} for track in contents.bad],
        "stray": len(contents.stray),
        "layouts": _counts(track.layout or "unknown" for track in contents.tracks),
        "scenarios": _counts(track.scenario for track in contents.tracks),
        "characters": _counts("".join(texts)),
        "frames": {kind: len(owner) for kind, owner in measurements.track.items()},
        "with_corners": {kind: float(np.isfinite(by_name["tilt"]).mean()) for kind, by_name in measurements.values.items()},
        "metrics": {
            kind: {name: _summary(values, measurements.track[kind]) for name, values in by_name.items() if _known(values).size}
            for kind, by_name in measurements.values.items()
        },
    }


def compare_sets(first: Measurements, second: Measurements) -> dict[str, dict[str, Difference]]:
    """Differences of the second set from the first, by kind and metric, the largest distance first."""
    by_kind = {}
    for kind in first.values.keys() & second.values.keys():
        pairs = {name: (_known(first.values[kind][name]), _known(second.values[kind][name])) for name in METRICS}
        differences = {name: _difference(*pair) for name, pair in pairs.items() if all(values.size for values in pair)}
        by_kind[kind] = dict(sorted(differences.items(), key=lambda item: -item[1].distance))
    return {kind: by_kind[kind] for kind in KINDS if kind in by_kind}


def chance_distance(first_tracks: int, second_tracks: int) -> float:
    """The distance that two samples of one distribution exceed in 5 % of cases.

    Tracks count, not frames: the frames of a track are alike. Asymptotic form: Smirnov (1948).
    """
    return 1.358 * math.sqrt((first_tracks + second_tracks) / (first_tracks * second_tracks))


def _measure_pixels(image: UInt8[np.ndarray, "h w 3"]) -> dict[str, float]:
    rgb = image.astype(np.float32)
    grey = rgb @ np.array(LUMA, np.float32)
    low, high = np.percentile(grey, (5, 95))
    high_pass = grey - cv2.GaussianBlur(grey, (0, 0), 1.0)
    deviation = float(grey.std())
    colours = [_noise(rgb[..., channel] - grey) for channel in (0, 2)]
    _, a, b = np.moveaxis(cv2.cvtColor(rgb / 255.0, cv2.COLOR_RGB2LAB), -1, 0)
    return {
        "brightness": float(grey.mean()),
        "contrast": float((high - low) / (high + low)) if high > 0 else 0.0,
        "sharpness": float(high_pass.std()) / deviation if deviation > 0 else 0.0,
        "noise": _noise(grey),
        "colour_noise": 0.5 * sum(colours),
        "blue_red": float((rgb[..., 2] - rgb[..., 0]).mean()),
        "lab_a": float(a.mean()),
        "lab_b": float(b.mean()),
        "chroma": float(np.hypot(a, b).mean()),
    }


def _noise(channel: Float[np.ndarray, "h w"]) -> float:
    """Standard deviation of the noise, from the median absolute response of `NOISE_MASK`, whose norm is 6."""
    response = cv2.filter2D(channel, -1, NOISE_MASK, borderType=cv2.BORDER_REFLECT_101)
    return float(np.median(np.abs(response))) / (0.6745 * 6)


def _summary(values: Float[np.ndarray, " n"], owner: Int[np.ndarray, " n"]) -> dict[str, Any]:
    known = np.isfinite(values)
    values, (_, owner) = values[known], np.unique(owner[known], return_inverse=True)
    sizes = np.bincount(owner)
    means = np.bincount(owner, values) / sizes
    deviations = np.sqrt(np.bincount(owner, (values - means[owner]) ** 2) / sizes)
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        "quantiles": dict(zip(map(str, QUANTILES), np.percentile(values, QUANTILES).tolist(), strict=True)),
        "within_track": float(deviations.mean()),
    }


def _difference(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " m"]) -> Difference:
    low, high = np.percentile(first, (1, 99))
    outside = np.mean((second < low) | (second > high))
    return Difference(float(ks_2samp(first, second, method="asymp").statistic), float(outside))


def _known(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    return values[np.isfinite(values)]


def _counts(items: Iterable[str]) -> dict[str, int]:
    return dict(sorted(collections.Counter(items).items()))
