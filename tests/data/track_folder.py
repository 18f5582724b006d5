"""Writes tiny track folders for tests, in the three forms that sets have."""

from __future__ import annotations

import json
import pathlib

import cv2
import numpy as np

LR_CORNERS = ((3.0, 2.0), (37.0, 3.0), (36.0, 17.0), (2.0, 16.0))  # top-left, top-right, bottom-right, bottom-left
CORNER_NAMES = ("top-left", "top-right", "bottom-right", "bottom-left")
LR_SHAPE, HR_SHAPE = (20, 40), (36, 80)


def write_track(
    folder: pathlib.Path,
    text: str,
    layout: str,
    *,
    extension: str = "png",
    corners: bool = True,
    hr: bool = True,
    labelled: bool = True,
) -> pathlib.Path:
    """A track whose frames are smooth random images, drawn from its text."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(list(text.encode()))
    outlines = {}
    for kind, (h, w), scale in (("lr", LR_SHAPE, 1.0), ("hr", HR_SHAPE, 2.0))[: 1 + hr]:
        for number in range(1, 6):
            name = f"{kind}-{number:03d}.{extension}"
            coarse = rng.integers(0, 256, (3, 6, 3), np.uint8)
            cv2.imwrite(str(folder / name), cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC))
            points = (np.array(LR_CORNERS) + 0.5) * scale - 0.5
            outlines[name] = dict(zip(CORNER_NAMES, points.tolist(), strict=True))
    if labelled:
        content = {"plate_layout": layout, "plate_text": text, "corners": outlines if corners else {}}
        (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def write_set(root: pathlib.Path, tracks: int = 6) -> pathlib.Path:
    """A set of both scenarios and both layouts: Scenario-A is PNG with corners, Scenario-B is JPG without."""
    for i in range(tracks):
        layout, text = (("Brazilian", f"ABC{1000 + i}"), ("Mercosur", f"XYZ{i % 10}D{10 + i}"))[i % 2]
        scenario = "AB"[i // 2 % 2]
        folder = root / f"Scenario-{scenario}" / layout / f"track_{i:05d}"
        write_track(folder, text, layout, extension="png" if scenario == "A" else "jpg", corners=scenario == "A")
    return root
