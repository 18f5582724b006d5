"""The report of an evaluation: report.md and its pictures."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from lpasrn_jax.evaluation import answers, diagrams, tables, texts
from lpasrn_jax.evaluation.comparison import same_images
from lpasrn_jax.evaluation.evaluator import FrameResults, Images
from lpasrn_jax.evaluation.summary import main_kind
from lpasrn_jax.pictures import confusion_picture, image_grid
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.wording import counted

PICTURE, CONFUSION, RELIABILITY = "pictures.png", "confusions.png", "reliability.png"
ROWS = 12
COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

IMAGE_DEFINITIONS = """\
Means over frames; in brackets 95 % intervals by bootstrap over plates.
- Against the HR frame. PSNR: RGB in [0, 1], no border cropped. PSNR-Y, as papers have it: Y of ITU-R BT.601 in [16, 235], peak
  255, as many pixels of border cropped as the scale. SSIM: Wang et al. 2004, Gaussian window of 11 pixels with sigma 1.5, K1
  0.01, K2 0.03, each RGB channel alone and then averaged, without padding.
- Against the LR frame. Consistency error: the mean absolute difference, in grey levels of 255, of the LR frame and the image,
  blurred by a Gaussian of half an LR pixel and averaged over each LR pixel.
- Against the bicubic image, in CIELAB under D65. Colour difference: the mean distance (Delta E*ab, CIE 1976) of pixels, which
  grows with sharpness and noise too. Colour shift: the distance of mean colours. Blue shift: how much higher B - R of the top
  fifth is, in grey levels, where Mercosur plates have their band.

What HR has against LR and bicubic is what a perfect image would have, since the camera adds noise and changes light."""

STRANGERS_DEFINITIONS = """\
Readers that nobody trained here, on the first frame of each track: {readers}. Plates wholly right as the reader has them, and
with look-alikes (O and 0, I and 1, B and 8, ...) taken for the letter or the digit that the plate's layout has in the slot."""

TEXT_DEFINITIONS = """\
The checkpoint's own OCR reads each frame by itself and finds out the layout. Characters right: the share of a plate's {slots}
slots in which the true character is read. Edit accuracy: 1 - edit distance / {slots}, at least 0, which counts missing and
surplus characters. Plates wholly right: the share of frames with all {slots} right."""

TRACK_DEFINITIONS = """\
Tracks wholly right from 1, 3 and 5 {kind} frames, mean over all choices of so many of the five, by fusion rule. log_probs: the
sum of the frames' log-probabilities; hc: the most confident frame; mv: the text of most frames; mvcp: the character of most
frames, place by place."""

CONFIDENCE_DEFINITIONS = """\
Readings as the reader makes them, from each frame as it is and from what the networks make of it, or of the whole track.
{calibration} Gap: mean confidence of right readings minus that of wrong ones. Calibration error: mean distance of confidence and
share right over ten bins of equal width; by chance: that error of a perfectly calibrated reader as sure as this one, which few
readings make large. Coverage: the largest share of readings that can be accepted, the most confident first, with 1 % of them
wrong."""


CALIBRATION_PLATES = {
    "judged": "These plates are judged here too, so the calibration is shown to be better than it is.",
    "other": "None of these is judged here.",
    "unknown": "The weights do not tell whether these are judged here.",
}

PAIRED = """\
The same images. Difference: this minus the other, frame by frame; in brackets its 95 % interval by bootstrap over plates, where
the other evaluation's frames.npz lies beside its metrics.json."""

NOT_PAIRED = """\
**Different images**, or an evaluation that does not say of which: {here} frames here (`{images}`), {there} there (`{others}`).
So no difference is given."""


class Compared(NamedTuple):
    """metrics: the content of another evaluation's metrics.json. intervals: of the differences from it, by metric and kind."""

    metrics: Mapping[str, Any]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]]


def write_report(
    folder: pathlib.Path,
    metrics: Mapping[str, Any],
    results: FrameResults,
    read: Mapping[str, Int[np.ndarray, "n k"]],
    rows: Int[np.ndarray, " r"],
    images: Images,
    plate_format: PlateFormat,
    other: Compared | None,
) -> None:
    """Write report.md and its pictures into `folder`.

    Args:
      metrics: the content of metrics.json.
      results: per frame.
      read: the texts of all frames by kind of image; empty without an OCR.
      rows: indices of the frames to show.
      images: of these frames, in [-1, 1], by kind: `lr`, `bicubic`, `sr`, `hr`.
      other: the evaluation to compare with.
    """
    titles = {"lr": "LR", **{kind: title for kind, title in tables.TITLES.items() if kind in images}}
    truth = [plate_format.decode(text) for text in results.text[rows]]
    captions = {titles[kind]: [plate_format.decode(text) for text in read[kind][rows]] for kind in titles if kind in read}
    if captions:
        titles["lr"] = "LR, true text"
        captions[titles["lr"]] = truth
    grid = image_grid({title: images[kind] for kind, title in titles.items()}, captions=captions, truth=truth)
    Image.fromarray(grid).save(folder / PICTURE)
    if read:
        counts = texts.confusion_counts(results.text, read[main_kind(list(read))], len(plate_format.labels))
        Image.fromarray(confusion_picture(counts, plate_format.labels)).save(folder / CONFUSION)
        diagrams.write_reliability(folder / RELIABILITY, metrics["confidence"], list(metrics["confidence"]))
    (folder / "report.md").write_text(report_text(metrics, slots=plate_format.length, rows=len(rows), other=other))


def report_text(metrics: Mapping[str, Any], *, slots: int, rows: int, other: Compared | None = None) -> str:
    """The Markdown of an evaluation.

    Args:
      metrics: the content of metrics.json.
      slots: characters of a plate.
      rows: number of frames in the picture.
      other: the evaluation to compare with.
    """
    parts = ["# Evaluation", _subject(metrics), *_answers_part(metrics), "## All figures", tables.metrics_table(metrics)]
    parts += [IMAGE_DEFINITIONS, "The images by layout:", tables.layouts_table(metrics["images_by_layout"])]
    if "fused_by_frames" in metrics:
        parts += ["The image of a track by the number of its frames:", tables.fused_table(metrics["fused_by_frames"])]
    if "char_acc" in metrics:
        parts += [TEXT_DEFINITIONS.format(slots=slots), *_texts_part(metrics), *_tracks_part(metrics), *_confidence_part(metrics)]
    parts += _strangers_part(metrics)
    if other is not None:
        parts += _compared_part(metrics, other)
    return "\n\n".join([*parts, "## Pictures", *_pictures_part(metrics, rows)]) + "\n"


def rows_to_show(results: FrameResults, read: Mapping[str, Int[np.ndarray, "n k"]]) -> Int[np.ndarray, " r"]:
    """The frames to show, from the largest gain in PSNR to the smallest; without SR, by the characters read right in bicubic."""
    psnr = results.scores["psnr"]
    if "sr" in psnr:
        return rows_by_gain(psnr["sr"] - psnr["bicubic"], ROWS)
    return rows_by_gain(texts.characters_right(read["bicubic"], results.text), ROWS)


def rows_by_gain(gain: Float[np.ndarray, " n"], count: int) -> Int[np.ndarray, " r"]:
    """Indices of `count` examples, evenly spaced from the largest gain to the smallest; all of them if there are fewer."""
    order = np.argsort(-gain, kind="stable")
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return order[places]


def _subject(metrics: Mapping[str, Any]) -> str:
    step = "" if metrics["step"] is None else f", step {metrics['step']}"  # imported weights do not know theirs
    frames, tracks = counted(metrics["frames"], "frame"), counted(metrics["tracks"], "track")
    subject = (
        f"{frames} of {tracks} in `{metrics['data_root']}` (split: {metrics['split']}); "
        f"checkpoint `{metrics['checkpoint']}`{step}."
    )
    stages = metrics["stages"]
    if stages:
        count = COUNTS[len(stages) - 1] if len(stages) <= len(COUNTS) else len(stages)
        subject += f"\nTrained in {count} stage{'s' if len(stages) > 1 else ''}: {', '.join(stages)}."
    if metrics["note"]:
        subject += f"\nOf the weights: {metrics['note']}"
    if "baseline" in metrics.get("char_acc", {}):
        subject += f"\nBaseline: bicubic images, read by the OCR `{metrics['baseline']}`, which was trained on such."
    return subject


def _answers_part(metrics: Mapping[str, Any]) -> list[str]:
    table = answers.answers_table(metrics)
    return ["## What the generator is worth", table, answers.DEFINITIONS] if table else []


def _compared_part(metrics: Mapping[str, Any], other: Compared) -> list[str]:
    theirs = other.metrics
    same = same_images(metrics, theirs)
    there, others = theirs.get("frames", "an unknown number of"), theirs.get("images", "unknown")
    how = PAIRED if same else NOT_PAIRED.format(here=metrics["frames"], images=metrics["images"], there=there, others=others)
    table = tables.against_table(metrics, theirs, other.intervals if same else {}, with_differences=same)
    return ["## Compared", f"With `{theirs.get('checkpoint')}` on `{theirs.get('data_root')}`.", how, table]


def _strangers_part(metrics: Mapping[str, Any]) -> list[str]:
    if "strangers" not in metrics:
        return []
    here = [f"{name} ({of['version']})" for name, of in metrics["strangers"].items() if "version" in of]
    read = [STRANGERS_DEFINITIONS.format(readers=", ".join(here)), tables.strangers_table(metrics["strangers"])] if here else []
    left_out = [f"{name} was left out: {of['left_out']}" for name, of in metrics["strangers"].items() if "left_out" in of]
    return ["## Strangers", *read, *left_out]


def _texts_part(metrics: Mapping[str, Any]) -> list[str]:
    kind = tables.TITLES[main_kind(list(metrics["char_acc"]))]
    parts = [f"How {kind} is read by the two heads of the OCR:", tables.decoders_table(metrics["decoders"])]
    for name in ("by_layout", "by_scenario"):
        parts += [f"{name.replace('_', ' ').capitalize()}:", tables.groups_table(metrics[name])]
    main = main_kind(list(metrics["char_acc"]))
    parts += ["By character (an underscore is a slot without one):", tables.characters_table(metrics["characters"], main)]
    if not metrics["confusions"]:
        return [*parts, f"In {kind}, no character was misread."]
    return [*parts, f"The most frequent misreadings in {kind}:", tables.confusions_table(metrics["confusions"])]


def _tracks_part(metrics: Mapping[str, Any]) -> list[str]:
    kind = tables.TITLES[main_kind(list(metrics["char_acc"]))]
    return [
        "## Tracks",
        TRACK_DEFINITIONS.format(kind=kind),
        tables.tracks_table(metrics["track_acc"]),
        "By summed log-probabilities, for each kind of image:",
        tables.tracks_table({tables.TITLES[k]: row for k, row in metrics["track_acc_by_kind"].items()}),
    ]


def _confidence_part(metrics: Mapping[str, Any]) -> list[str]:
    return [
        "## Confidence",
        CONFIDENCE_DEFINITIONS.format(calibration=_calibration(metrics)),
        tables.confidence_table(metrics["confidence"]),
        f"![Reliability diagrams]({RELIABILITY})",
    ]


def _calibration(metrics: Mapping[str, Any]) -> str:
    """A sentence on how the confidence is computed and calibrated."""
    if metrics["calibration"] is None:
        failed = metrics["calibration_failed"]
        why = "its fit failed in training, where it ended at a bound" if failed else "the weights have none"
        return f"The probability of the whole text, as the network has it: no calibration, for {why}."
    fitted = "temperature {temperature:.3f} and frame correlation {frame_correlation:.3f}".format(**metrics["calibration"])
    plates = CALIBRATION_PLATES[metrics["calibration_plates"]]
    return f"The probability of the whole text, at {fitted}, fitted on plates set apart for it. {plates}"


def _pictures_part(metrics: Mapping[str, Any], rows: int) -> list[str]:
    kinds = ", ".join(["LR", *(tables.TITLES[kind] for kind in metrics["psnr"])]) + " and HR"
    with_sr = "sr" in metrics["psnr"]
    if with_sr:
        order = "From the largest gain in PSNR over bicubic (top) to the smallest, evenly spaced."
    else:
        order = "From the most characters of bicubic read right (top) to the fewest, evenly spaced."
    if "char_acc" not in metrics:
        return [f"![{kinds} of {counted(rows, 'frame')}]({PICTURE})", order]
    order += "\nBelow LR is the true text, below each other image what was read in it; wrong characters are white on red."
    return [f"![{kinds} of {counted(rows, 'frame')}]({PICTURE})", order, f"![Characters true and read]({CONFUSION})"]
