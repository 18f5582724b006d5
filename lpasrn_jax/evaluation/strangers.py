"""Strangers: readers that nobody here trained, applied to the images. A generator can learn to please its own OCR, but not them.

RapidOCR's recogniser (https://github.com/RapidAI/RapidOCR) and Tesseract (https://github.com/tesseract-ocr/tesseract). The extra
`strangers` installs the Python packages; the program `tesseract` comes from the system.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from lpasrn_jax import images
from lpasrn_jax.data import pipeline
from lpasrn_jax.evaluation import aggregate
from lpasrn_jax.evaluation.evaluator import BATCH_SIZE, Evaluator, FrameResults
from lpasrn_jax.evaluation.texts import edit_accuracy
from lpasrn_jax.plates import DIGIT, LETTER

RAPIDOCR_HEIGHT = 96  # pixels; its recogniser then resizes the image to its own 48
# Tesseract expects large printed letters: the plate is resized to these pixels, then cropped to the characters, without the
# strip or band above them and the rim.
TESSERACT_SIZE, TESSERACT_CROP = (436, 150), (18, 42, 418, 136)
TESSERACT_OPTIONS = "--psm 7 -c tessedit_char_whitelist=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

DIGIT_OF = {"O": "0", "Q": "0", "D": "0", "I": "1", "L": "1", "Z": "2", "A": "4", "S": "5", "G": "6", "T": "7", "B": "8"}
LETTER_OF = {"0": "O", "1": "I", "2": "Z", "4": "A", "5": "S", "6": "G", "7": "T", "8": "B"}


class Stranger(NamedTuple):
    """
    version: of the program and its weights, for the report.
    read: reads one line of text in an image.
    """

    version: str
    read: Callable[[UInt8[np.ndarray, "h w 3"]], str]


def rapidocr() -> Stranger:
    """RapidOCR's recogniser on the whole plate, with the weights of its package.

    Raises:
      Exception: of any kind, where it can't be used.
    """
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})

    def read(image: UInt8[np.ndarray, "h w 3"]) -> str:
        width = max(1, round(image.shape[1] * RAPIDOCR_HEIGHT / image.shape[0]))
        resized = np.asarray(Image.fromarray(image).resize((width, RAPIDOCR_HEIGHT), Image.Resampling.BICUBIC))
        bgr = resized[..., ::-1]
        return "".join(engine(bgr, use_det=False, use_cls=False, use_rec=True).txts or ())

    weights = engine.cfg.Rec
    version = importlib.metadata.version("rapidocr")
    return Stranger(f"rapidocr {version}, {weights.ocr_version.value} {weights.model_type.value}", read)


def tesseract() -> Stranger:
    """Tesseract in its single-line mode, on the part of the plate with the characters.

    Raises:
      Exception: of any kind, where it can't be used.
    """
    import pytesseract

    def read(image: UInt8[np.ndarray, "h w 3"]) -> str:
        grey = Image.fromarray(image).convert("L").resize(TESSERACT_SIZE, Image.Resampling.BICUBIC)
        return pytesseract.image_to_string(grey.crop(TESSERACT_CROP), config=TESSERACT_OPTIONS)

    return Stranger(f"tesseract {pytesseract.get_tesseract_version()}", read)


STRANGERS = {"RapidOCR": rapidocr, "Tesseract": tesseract}


def open_strangers(names: Sequence[str] | None = None) -> tuple[dict[str, Stranger], dict[str, str]]:
    """The named strangers (None: all) that can be used here and, for each of the others, the reason why it can't."""
    opened, left_out = {}, {}
    for name in STRANGERS if names is None else names:
        try:
            stranger = STRANGERS[name]()
            stranger.read(np.zeros((48, 144, 3), np.uint8))  # loads its weights
        except Exception as error:  # third-party code may fail in any way, and none of it is required
            left_out[name] = f"{type(error).__name__}: {error}".splitlines()[0]
        else:
            opened[name] = stranger
    return opened, left_out


def read_plate(stranger: Stranger, image: UInt8[np.ndarray, "h w 3"], alphabet: str) -> str:
    """The characters of `alphabet` that a stranger reads in an image; small letters count as capitals."""
    return re.sub(f"[^{re.escape(alphabet)}]", "", stranger.read(image).upper())


def map_look_alikes(text: str, pattern: str) -> str:
    """A text with letters replaced by the digits that they look like where the layout has digits, and the other way round.

    A stranger does not know the layout, but a person who sees the plate does. A text of another length is left unchanged.

    Args:
      text: what was read.
      pattern: of the plate's layout, as `LLLNNNN`.
    """
    if len(text) != len(pattern):
        return text
    look_alikes = {DIGIT: DIGIT_OF, LETTER: LETTER_OF}
    return "".join(look_alikes.get(kind, {}).get(c, c) for c, kind in zip(text, pattern, strict=True))


def read_first_frames(
    evaluator: Evaluator, reader: pipeline.FramePairReader, strangers: Mapping[str, Stranger]
) -> dict[str, dict[str, list[str]]]:
    """Texts of the first frame of every track, as `texts[stranger][kind of image]`; the five frames are much alike."""
    alphabet = reader.plate_format.alphabet
    texts: dict[str, dict[str, list[str]]] = {name: {} for name in strangers}
    firsts = range(0, pipeline.num_examples(reader), pipeline.FRAMES)
    for start in range(0, len(firsts), BATCH_SIZE):
        made = evaluator.pictures(reader, firsts[start : start + BATCH_SIZE])
        for kind in made.keys() - {"lr"}:
            batch = images.to_uint8(made[kind])
            for name, stranger in strangers.items():
                texts[name].setdefault(kind, []).extend(read_plate(stranger, image, alphabet) for image in batch)
    return texts


def scores(texts: Mapping[str, Sequence[str]], truth: Sequence[str], patterns: Sequence[str]) -> aggregate.Values:
    """Accuracies of one stranger's texts, as `scores[metric][kind of image]`, one value per plate.

    Args:
      texts: by kind of image.
      truth: the true texts.
      patterns: of the plates' layouts.
    """
    mapped = {kind: [map_look_alikes(*pair) for pair in zip(read, patterns, strict=True)] for kind, read in texts.items()}

    def right(of: Mapping[str, Sequence[str]]) -> dict[str, Float[np.ndarray, " n"]]:
        return {kind: np.array([a == b for a, b in zip(read, truth, strict=True)], float) for kind, read in of.items()}

    edits = {kind: edit_accuracy(read, truth) for kind, read in texts.items()}
    return {"edit_acc": edits, "word_acc": right(texts), "word_acc_mapped": right(mapped)}


def metrics_by_stranger(evaluator: Evaluator, reader: pipeline.FramePairReader, results: FrameResults) -> dict[str, Any]:
    """The section `strangers` of metrics.json, by name: `version`, metrics and `intervals`, or why one is `left_out`.

    Args:
      evaluator: makes the images.
      reader: of the tracks.
      results: per frame of the same tracks.
    """
    opened, left_out = open_strangers()
    plate_format = reader.plate_format
    truth = [plate_format.decode(text) for text in results.text[:: pipeline.FRAMES]]
    patterns = [plate_format.layouts[i][1] for i in results.layout[:: pipeline.FRAMES]]
    by_stranger: dict[str, Any] = {}
    for name, texts in read_first_frames(evaluator, reader, opened).items():
        values = scores(texts, truth, patterns)
        by_stranger[name] = {
            "version": opened[name].version,
            **aggregate.means(values),
            "intervals": aggregate.intervals(values, truth),
        }
    return by_stranger | {name: {"left_out": reason} for name, reason in left_out.items()}
