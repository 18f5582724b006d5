"""A set with every kind of damage that a track can have, each with the reason that must be given for it."""

from __future__ import annotations

import json
import os
import pathlib
import zlib
from collections.abc import Callable

import cv2
import numpy as np

from tests.data.track_folder import CORNER_NAMES, write_set, write_track

Damage = Callable[[pathlib.Path], object]
GOOD_TRACKS = 6


def write_damaged_set(root: pathlib.Path) -> dict[str, str]:
    """Six good tracks and a bad one for each damage; returns the reasons, as regular expressions, by track name."""
    write_set(root, GOOD_TRACKS)
    reasons = {}
    for i, (kind, (damage, reason)) in enumerate(DAMAGES.items()):
        name = f"Scenario-A/Brazilian/track_bad_{kind}"
        damage(write_track(root / name, f"BAD{2000 + i}", "Brazilian"))
        reasons[name] = reason
    (root / "Scenario-A" / "Brazilian" / "track_empty").mkdir()
    reasons["Scenario-A/Brazilian/track_empty"] = "is empty; expected lr-001.png"
    return reasons


def _annotate(**changes) -> Damage:
    """Changes keys of annotations.json; None removes one."""

    def damage(track: pathlib.Path):
        path = track / "annotations.json"
        content = {**json.loads(path.read_text()), **changes}
        path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))

    return damage


def _corners(points) -> Damage:
    """Puts other corners on lr-002.png."""
    named = dict(zip(CORNER_NAMES, points, strict=True)) if isinstance(points, list) else points
    return _annotate(corners={"lr-002.png": named})


def _write(name: str, content: bytes) -> Damage:
    return lambda track: (track / name).write_bytes(content)


def _image(name: str, h: int, w: int) -> Damage:
    return lambda track: cv2.imwrite(str(track / name), np.zeros((h, w), np.uint8))


def _huge_png(track: pathlib.Path):
    """A file that says it has 65000 x 65000 pixels."""
    encoded = bytearray((track / "lr-003.png").read_bytes())
    encoded[16:24] = (65000).to_bytes(4, "big") * 2
    header = bytes(encoded[12:29])
    encoded[29:33] = zlib.crc32(header).to_bytes(4, "big")
    (track / "lr-003.png").write_bytes(encoded)


def _truncate(track: pathlib.Path):
    path = track / "hr-003.png"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _truncate_jpeg(track: pathlib.Path):
    """All frames as JPEG, one of them cut off in the middle."""
    for path in sorted(track.glob("*.png")):
        cv2.imwrite(str(path.with_suffix(".jpg")), cv2.imread(str(path)))
        path.unlink()
    _annotate(corners={})(track)
    encoded = (track / "hr-003.jpg").read_bytes()
    (track / "hr-003.jpg").write_bytes(encoded[: len(encoded) // 2])


def _replace_by(name: str, make: Callable[[pathlib.Path], object]) -> Damage:
    def damage(track: pathlib.Path):
        (track / name).unlink()
        make(track / name)

    return damage


DAMAGES: dict[str, tuple[Damage, str]] = {
    "missing_frame": (lambda track: (track / "lr-004.png").unlink(), r"frame lr-004 is missing"),
    "surplus_frame": (_image("hr-006.png", 36, 80), r"has a frame hr-006\.png; expected 5 of each"),
    "two_files": (_image("lr-001.jpg", 20, 40), r"two files for one frame, lr-001\.jpg and lr-001\.png"),
    "no_frames": (lambda track: [path.unlink() for path in track.glob("*.png")], r"has no frames"),
    "truncated_png": (_truncate, r"hr-003\.png: is cut short or damaged"),
    "truncated_jpeg": (_truncate_jpeg, r"hr-003\.jpg: is cut short or damaged"),
    "not_an_image": (_write("lr-002.png", b"no pixels here"), r"lr-002\.png: is not an image"),
    "empty_image": (_write("lr-002.png", b""), r"lr-002\.png: is empty \(0 bytes\)"),
    "tiny_image": (_image("lr-005.png", 1, 40), r"lr-005\.png: is 40 x 1 pixels; expected at least"),
    "huge_image": (_huge_png, r"lr-003\.png: .*pixels; expected at most 67108864"),
    "folder_as_frame": (_replace_by("lr-001.png", pathlib.Path.mkdir), r"lr-001\.png is a folder"),
    "pipe_as_frame": (_replace_by("lr-001.png", os.mkfifo), r"lr-001\.png is not a regular file"),
    "link_loop": (
        _replace_by("lr-001.png", lambda path: path.symlink_to(path.name)),
        r"lr-001\.png cannot be read: .*symbolic links",
    ),
    "dead_link": (_replace_by("hr-001.png", lambda path: path.symlink_to("gone.png")), r"hr-001\.png is missing \(a link"),
    "no_annotations": (lambda track: (track / "annotations.json").unlink(), r"annotations\.json is missing"),
    "empty_json": (_write("annotations.json", b""), r"annotations\.json is empty"),
    "empty_object": (_write("annotations.json", b"{}"), r"annotations\.json is an empty object"),
    "invalid_json": (
        _write("annotations.json", b'{"plate_text": "ABC'),
        r"annotations\.json is not valid JSON \(Unterminated string",
    ),
    "not_unicode": (_write("annotations.json", b'{"plate_text": "\xff\xfe"}'), r"annotations\.json is not valid JSON \('utf-8'"),
    "json_list": (_write("annotations.json", b"[1]"), r"annotations\.json holds a list"),
    "missing_text": (_annotate(plate_text=None), r"plate_text is missing"),
    "text_is_number": (_annotate(plate_text=1234567), r"plate_text is 1234567; expected a string"),
    "short_text": (_annotate(plate_text="ABC123"), r"'ABC123' has 6 characters; expected 7"),
    "strange_character": (_annotate(plate_text="ABÇ1234"), r"character 'Ç' is outside the alphabet"),
    "text_against_layout": (_annotate(plate_text="ABC1D23"), r"'ABC1D23' contradicts plate_layout 'Brazilian', which is LLLNNNN"),
    "unknown_layout": (
        _annotate(plate_layout="Belgian"),
        r"plate_layout 'Belgian' is unknown; expected one of Brazilian, Mercosur",
    ),
    "other_layout": (_annotate(plate_layout="Mercosur"), r"plate_layout is 'Mercosur', but .* folder named 'Brazilian'"),
    "corners_outside": (
        _corners([[3, 2], [90, 3], [90, 17], [2, 16]]),
        r"lr-002\.png: corner \(90, 3\) is outside the image of 40 x 20",
    ),
    "corners_flat": (_corners([[3, 2], [30, 2], [30, 2], [3, 2]]), r"lr-002\.png: corners enclose 0 square pixels"),
    "corners_crossing": (_corners([[3, 2], [30, 17], [30, 2], [3, 17]]), r"lr-002\.png: corners are not convex"),
    "corners_inwards": (_corners([[3, 2], [37, 2], [10, 8], [3, 17]]), r"lr-002\.png: corners are not convex"),
    "corners_mirrored": (_corners([[37, 2], [3, 2], [3, 17], [37, 17]]), r"lr-002\.png: corners are mirrored or turned"),
    "corners_turned": (_corners([[37, 17], [3, 17], [3, 2], [37, 2]]), r"lr-002\.png: corners are mirrored or turned"),
    "corners_nan": (_corners([[float("nan"), 2], [37, 2], [37, 17], [3, 17]]), r"lr-002\.png are not pairs \[x, y\] of finite"),
    "corners_text": (_corners([["3", 2], [37, 2], [37, 17], [3, 17]]), r"lr-002\.png are not pairs"),
    "corners_three": (
        _corners({"top-left": [3, 2], "top-right": [37, 2], "bottom-left": [3, 17]}),
        r"lr-002\.png are not the four",
    ),
    "corners_list": (_annotate(corners=[[3, 2]]), r"corners is a list"),
    "corners_of_nothing": (
        _annotate(corners={"lr-009.png": {}, "x.png": {n: [1, 2] for n in CORNER_NAMES}}),
        r"corners name 'x\.png'",
    ),
}
