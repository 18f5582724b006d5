"""The figures of an evaluation, for metrics.json."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from lpasrn_jax import witnesses
from lpasrn_jax.data.tracks import FRAMES
from lpasrn_jax.evaluation import aggregate, calibration, texts
from lpasrn_jax.evaluation.aggregate import KINDS, Values
from lpasrn_jax.evaluation.confidence import GroupReadings, confidence, read_groups
from lpasrn_jax.evaluation.evaluator import FrameResults
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.reading.fusion import FUSIONS, fuse
from lpasrn_jax.weights.bundle import Calibration

FRAME_COUNTS = (1, 3, FRAMES)
CONFUSIONS = 10  # number of pairs listed
RISK = 0.01  # the share of wrong readings at which coverage is reported
OF_LAYOUTS = ("psnr", "consistency", "colour_shift", "blue_shift")  # also by layout: grey plates, plates with a blue band


def main_kind(kinds: Sequence[str]) -> str:
    """The kind of image that an evaluation is about: SR, or HR without a generator."""
    return "sr" if "sr" in kinds else "hr"


def slot_texts(results: FrameResults, plate_format: PlateFormat) -> dict[str, Int[np.ndarray, "n k"]]:
    """The texts that the slot head reads in each kind of image; the layout is inferred."""
    masks = plate_format.layout_masks()
    return {kind: fuse("log_probs", slots[:, None], masks).classes for kind, slots in results.slots.items()}


def summarize(
    results: FrameResults,
    read: Mapping[str, Int[np.ndarray, "n k"]],
    values: Values,
    plate_format: PlateFormat,
    scenarios: Sequence[str],
    calibrated: Calibration | None,
) -> dict[str, Any]:
    """All figures by name, ready for JSON.

    Args:
      results: per frame, five frames per track.
      read: the texts by kind of image, from `slot_texts`; empty without an OCR.
      values: per frame, from `frame_values`.
      scenarios: the names that `results.scenario` indexes.
      calibrated: the calibration of the weights; None to evaluate the network's own probabilities.
    """
    truth = [plate_format.decode(text) for text in results.text]
    figures: dict[str, Any] = aggregate.means(values)
    figures["intervals"] = aggregate.intervals(values, truth)
    figures["images_by_layout"] = _images_by_layout(results, plate_format.layout_names)
    if results.of_three:
        figures["fused_by_frames"] = _fused_by_frames(results, values, plate_format)
    if not read:
        return figures
    kind, masks = main_kind(list(read)), plate_format.layout_masks()
    figures["at_least"] = {
        str(count): {k: _mean(texts.characters_right(read[k], results.text) >= count) for k in KINDS if k in read}
        for count in (plate_format.length - 1, plate_format.length - 2)
    }
    figures["decoders"] = _decoders(results, values, plate_format, truth, kind)
    figures["track_acc"] = {name: track_accuracy(results, kind, name, masks) for name in FUSIONS}
    one_per_frame = [k for k in KINDS if k in read and k != witnesses.OF_ALL]
    figures["track_acc_by_kind"] = {k: track_accuracy(results, k, "log_probs", masks) for k in one_per_frame}
    figures["by_layout"] = _groups(results, values, results.layout, plate_format.layout_names, kind, masks)
    figures["by_scenario"] = _groups(results, values, results.scenario, scenarios, kind, masks)
    figures["calibration"] = calibrated and calibrated._asdict()
    honest = calibrated or Calibration()
    figures["confidence"] = {
        count: _confidence(readings, masks, honest) for count, readings in _readings(results, kind, masks).items()
    }
    figures["characters"] = characters(results.text, read, kind, plate_format.labels)
    figures["confusions"] = confusions(results.text, read[kind], plate_format.labels)
    return figures


def frame_values(results: FrameResults, read: Mapping[str, Int[np.ndarray, "n k"]], plate_format: PlateFormat) -> Values:
    """Each frame's value of each metric that is a mean over frames."""
    truth = _texts(results.text, plate_format)
    values = {metric: dict(by_kind) for metric, by_kind in results.scores.items()}
    if read:
        right = {kind: texts.characters_right(classes, results.text) for kind, classes in read.items()}
        values["char_acc"] = {kind: count / plate_format.length for kind, count in right.items()}
        values["edit_acc"] = {kind: texts.edit_accuracy(_texts(read[kind], plate_format), truth) for kind in read}
        values["word_acc"] = {kind: (count == plate_format.length).astype(float) for kind, count in right.items()}
    return values


def _images_by_layout(results: FrameResults, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Means over the images of each layout that occurs."""
    members = {name: results.layout == i for i, name in enumerate(names)}
    return {
        name: aggregate.means({m: {kind: v[rows] for kind, v in results.scores[m].items()} for m in OF_LAYOUTS})
        for name, rows in members.items()
        if rows.any()
    }


def _fused_by_frames(results: FrameResults, values: Values, plate_format: PlateFormat) -> dict[str, dict[str, float]]:
    """PSNR of the image made of one, three and all frames; with an OCR, the share of those images that it reads wholly right."""
    of_three = {"psnr": results.of_three["psnr"]}
    if "slots" in results.of_three:
        read = fuse("log_probs", results.of_three["slots"][:, None], plate_format.layout_masks()).classes
        of_three["word_acc"] = (read == results.text).all(axis=-1)
    return {
        metric: {"1": _mean(values[metric]["sr"]), "3": _mean(three), str(FRAMES): _mean(values[metric]["fused"])}
        for metric, three in of_three.items()
    }


def track_accuracy(results: FrameResults, kind: str, rule: str, masks: Bool[np.ndarray, "l k v"]) -> dict[str, float]:
    """The share of tracks whose text is read wholly right, by number of frames: the mean over all choices of so many frames."""
    return {str(count): _mean(_tracks_right(results, kind, rule, count, masks)) for count in FRAME_COUNTS}


def tracks_right_by_frame(results: FrameResults, masks: Bool[np.ndarray, "l k v"]) -> dict[str, Float[np.ndarray, " n"]]:
    """What `track_acc` of the rule `log_probs` is the mean of, by number of frames: each track's share, repeated for its frames.

    Empty without an OCR.
    """
    if not results.slots:
        return {}
    kind = main_kind([kind for kind in results.slots if kind in KINDS])
    by_count = {count: _tracks_right(results, kind, "log_probs", count, masks) for count in FRAME_COUNTS}
    return {str(count): np.repeat(right, FRAMES).astype(np.float64) for count, right in by_count.items()}


def characters(
    text: Int[np.ndarray, "n k"], read: Mapping[str, Int[np.ndarray, "n k"]], main: str, labels: str
) -> dict[str, dict[str, Any]]:
    """For each character that occurs: how many `times`, the share read `right` per kind of image, and the character that it is
    most often `taken_for` in the main kind ("" if it is always right)."""
    counts = {kind: texts.confusion_counts(text, classes, len(labels)) for kind, classes in read.items()}
    wrong = counts[main] - np.diag(np.diagonal(counts[main]))
    by_character = {}
    for i, label in enumerate(labels):
        times = int(counts[main][i].sum())
        if times:
            right = {kind: float(counts[kind][i, i] / times) for kind in KINDS if kind in counts}
            taken_for = labels[wrong[i].argmax()] if wrong[i].any() else ""
            by_character[label] = {"times": times, "right": right, "taken_for": taken_for}
    return by_character


def confusions(text: Int[np.ndarray, "n k"], read: Int[np.ndarray, "n k"], labels: str) -> list[list]:
    """The most frequent misreadings, as [true character, character read, times]; ties in the order of the labels."""
    counts = texts.confusion_counts(text, read, len(labels))
    np.fill_diagonal(counts, 0)
    most = np.argsort(-counts, axis=None, kind="stable")[:CONFUSIONS]
    pairs = zip(*np.unravel_index(most, counts.shape), strict=True)
    return [[labels[true], labels[seen], int(counts[true, seen])] for true, seen in pairs if counts[true, seen]]


def _tracks_right(
    results: FrameResults, kind: str, rule: str, count: int, masks: Bool[np.ndarray, "l k v"]
) -> Float[np.ndarray, " t"]:
    """For each track, the share of the choices of `count` frames from which it is read wholly right."""
    slots, text = by_track(results, kind)
    choices = list(itertools.combinations(range(FRAMES), count))
    right = [(fuse(rule, slots[:, choice], masks).classes == text).all(axis=-1) for choice in choices]
    return np.mean(right, axis=0)


def by_track(results: FrameResults, kind: str) -> tuple[Float[np.ndarray, "t f k v"], Int[np.ndarray, "t k"]]:
    slots = results.slots[kind]
    return slots.reshape(-1, FRAMES, *slots.shape[1:]), results.text[::FRAMES]


def _decoders(
    results: FrameResults, values: Values, plate_format: PlateFormat, truth: Sequence[str], kind: str
) -> dict[str, dict[str, float]]:
    """Accuracies of each decoder; texts of the CTC head may have missing or surplus characters."""
    accuracies = {"slots": {metric: _mean(values[metric][kind]) for metric in ("edit_acc", "word_acc")}}
    for name, classes in (("ctc_beam", results.beam[kind]), ("ctc_greedy", results.greedy[kind])):
        read = _texts(classes, plate_format)
        accuracies[name] = {
            "edit_acc": _mean(texts.edit_accuracy(read, truth)),
            "word_acc": _mean([a == b for a, b in zip(read, truth, strict=True)]),
        }
    return accuracies


def _groups(
    results: FrameResults,
    values: Values,
    member: Int[np.ndarray, " n"],
    names: Sequence[str],
    kind: str,
    masks: Bool[np.ndarray, "l k v"],
) -> dict[str, dict[str, Any]]:
    """Accuracies of the frames and tracks of each group that occurs."""
    by_track = _tracks_right(results, kind, "log_probs", FRAMES, masks)
    by_group = {}
    for i, name in enumerate(names):
        rows = member == i
        if rows.any():
            of_frames = {
                metric: {k: _mean(values[metric][k][rows]) for k in KINDS if k in values[metric]}
                for metric in ("char_acc", "word_acc")
            }
            by_group[name] = {"tracks": int(rows[::FRAMES].sum()), **of_frames, "track_acc": _mean(by_track[rows[::FRAMES]])}
    return by_group


def _readings(results: FrameResults, kind: str, masks: Bool[np.ndarray, "l k v"]) -> dict[str, GroupReadings]:
    """Readings of single frames and of whole tracks, each from all images that `Reader` uses, by the number of frames."""
    slots = {k: results.slots[k] for k in witnesses.kinds(results.slots, kind)}
    return {
        "1": read_groups(witnesses.frame_log_probs(slots)[:, None], results.text, masks),
        str(FRAMES): read_groups(witnesses.track_log_probs(slots, FRAMES), results.text[::FRAMES], masks),
    }


def _confidence(readings: GroupReadings, masks: Bool[np.ndarray, "l k v"], calibrated: Calibration) -> dict[str, Any]:
    sure, right = confidence(readings, masks, calibrated), readings.right
    bins = calibration.reliability(sure, right)
    _, risk = calibration.risk_coverage(sure, right)
    return {
        "readings": len(right),
        "right": _mean(right),
        "mean": _mean(sure),
        "gap": calibration.confidence_gap(sure, right),
        "calibration_error": float(calibration.expected_calibration_error(sure, right)),
        "calibration_error_by_chance": calibration.calibration_error_by_chance(sure),
        "risk_at_full_coverage": float(risk[-1]),
        "area_under_risk_coverage": float(calibration.area_under_risk_coverage(sure, right)),
        "coverage_at_risk": {str(RISK): float(calibration.coverage_at_risk(sure, right, RISK))},
        "bins": [
            {"readings": int(n), "confidence": float(c), "right": float(a)}
            for n, c, a in zip(bins.count, bins.confidence, bins.accuracy, strict=True)
            if n
        ],
    }


def _texts(classes: Int[np.ndarray, "n t"], plate_format: PlateFormat) -> list[str]:
    return [plate_format.decode(one[one >= 0]) for one in classes]


def _mean(values: Any) -> float:
    return float(np.mean(values, dtype=np.float64))
