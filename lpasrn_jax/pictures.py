"""Pictures for people: image grids with captions, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from lpasrn_jax import images

GAP = 4  # pixels between two pictures, and around the grid
LINE = 20  # height of a title or a caption
ADVANCE = 14  # from one character of a caption to the next
PAPER, INK, WRONG = (255, 255, 255), (0, 0, 0), (208, 0, 0)
CELL = 18  # of the confusion picture
FONT = cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1  # typeface, size, thickness
BAR = 44  # from one character of a text to the next, above bars
FAINT, DEEP = (190, 190, 190), (0, 70, 140)  # of the confusion picture and of bars

Picture = UInt8[np.ndarray, "ph pw 3"]


def image_grid(
    columns: Mapping[str, Float[np.ndarray, "b h w 3"]],
    *,
    magnify: int = 2,
    captions: Mapping[str, Sequence[str]] | None = None,
    truth: Sequence[str] | None = None,
) -> UInt8[np.ndarray, "gh gw 3"]:
    """One row per example, one titled column per entry; each is shown at the size of the largest one times `magnify`.

    Args:
      columns: images in [-1, 1] by title, the same number of each; smaller ones are enlarged with their pixels left square.
      magnify: how many times as large as the largest image.
      captions: texts under a column's images, one per image, by the column's title; a column may have none.
      truth: what each example's captions should say; a character that differs is white on red.
    """
    height = max(column.shape[1] for column in columns.values()) * magnify
    width = max(column.shape[2] for column in columns.values()) * magnify
    strips = []
    for title, column in columns.items():
        parts = [_title(title, width)]
        for i, image in enumerate(images.to_uint8(column)):
            parts.append(cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST))
            if captions:
                text = captions[title][i] if title in captions else ""
                parts.append(_caption(text, truth[i] if truth else text, width))
        strips.append(np.vstack([_padded(part) for part in parts]))
    return cv2.copyMakeBorder(np.hstack(strips), GAP, 0, GAP, 0, cv2.BORDER_CONSTANT, value=PAPER)


def slot_bars(rows: Mapping[str, Sequence[float]], text: str) -> UInt8[np.ndarray, "gh gw 3"]:
    """For each character of a text a bar per row, beside the row's title.

    Args:
      rows: of each character a value in [0, 1], by title; a full bar is 1.
      text: the characters, written above their bars.
    """
    left, width = 8 * CELL, BAR * len(text)
    parts = [cv2.copyMakeBorder(_caption(text, text, width, BAR), 0, 0, left, 0, cv2.BORDER_CONSTANT, value=PAPER)]
    for title, values in rows.items():
        line = np.full((LINE, left + width, 3), PAPER, np.uint8)
        _write(line, title, (2, 15), INK)
        for i, value in enumerate(values):
            start = left + i * BAR
            cv2.rectangle(line, (start, 4), (start + BAR - GAP, LINE - 5), FAINT, 1)
            cv2.rectangle(line, (start, 4), (start + round(value * (BAR - GAP)), LINE - 5), DEEP, -1)
        parts.append(line)
    return cv2.copyMakeBorder(np.vstack(parts), GAP, GAP, GAP, GAP, cv2.BORDER_CONSTANT, value=PAPER)


def text_line(text: str) -> Picture:
    """A text on a line of its own, as wide as it needs."""
    (width, _), _ = cv2.getTextSize(text, *FONT)
    line = np.full((LINE, 2 * GAP + width, 3), PAPER, np.uint8)
    _write(line, text, (GAP, 15), INK)
    return line


def stacked(pictures: Sequence[Picture]) -> Picture:
    """Pictures below each other, the narrower ones filled up on the right."""
    width = max(picture.shape[1] for picture in pictures)
    return np.vstack([cv2.copyMakeBorder(p, 0, 0, 0, width - p.shape[1], cv2.BORDER_CONSTANT, value=PAPER) for p in pictures])


def confusion_picture(counts: Float[np.ndarray, "v v"], alphabet: str) -> UInt8[np.ndarray, "gh gw 3"]:
    """A confusion matrix: row true, column read; the darker, the larger the share of the row's character. Misreadings are red.

    Args:
      counts: how often each character was read as each other one.
      alphabet: a sign for each class v.
    """
    counts = np.asarray(counts)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # The square root shows a misreading in a hundred: one tenth of the way to the full colour.
    depth = np.sqrt(share)[..., None]
    full = np.where(np.eye(len(alphabet), dtype=bool)[..., None], DEEP, WRONG)
    cells = np.rint(PAPER + depth * (full - PAPER)).astype(np.uint8)
    cells = np.kron(cells, np.ones((CELL, CELL, 1), np.uint8))
    cells[::CELL] = cells[:, ::CELL] = 225
    left, top = 2 * CELL, LINE + CELL
    picture = cv2.copyMakeBorder(cells, top, GAP, left, GAP, cv2.BORDER_CONSTANT, value=PAPER)
    _write(picture, "rows: true, columns: read", (GAP, 14), INK)
    for i, character in enumerate(alphabet):
        _write(picture, character, (left + i * CELL + 4, top - 4), INK)
        _write(picture, character, (left - CELL + 2, top + i * CELL + 14), INK)
    return picture


def _title(title: str, width: int) -> Picture:
    line = np.full((LINE, width, 3), PAPER, np.uint8)
    _write(line, title, (2, 15), INK)
    return line


def _caption(text: str, truth: str, width: int, advance: int = ADVANCE) -> Picture:
    """The text, each character in a place of its own, so that those of a row's captions stand below each other."""
    line = np.full((LINE, width, 3), PAPER, np.uint8)
    for i, character in enumerate(text):
        right = truth[i : i + 1] == character
        left = i * advance
        if not right:
            line[1:-1, left : left + advance] = WRONG
        _write(line, character, (left + 2, 15), INK if right else PAPER)
    return line


def _write(picture: Picture, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    typeface, size, thickness = FONT
    cv2.putText(picture, text, place, typeface, size, colour, thickness, cv2.LINE_AA)


def _padded(part: Picture) -> Picture:
    return cv2.copyMakeBorder(part, 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=PAPER)
