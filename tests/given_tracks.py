"""A track of random frames in a folder, as `lpasrn results --given` takes it."""

import pathlib

import numpy as np
from PIL import Image


def write_track(folder: pathlib.Path, rng: np.random.Generator, frames: int, hr: bool = True) -> None:
    folder.mkdir(parents=True)
    for k in range(frames):
        Image.fromarray(rng.integers(0, 256, (8, 24, 3), np.uint8)).save(folder / f"lr-{k + 1:03d}.png")
    if hr:
        Image.fromarray(rng.integers(0, 256, (16, 48, 3), np.uint8)).save(folder / "hr.png")
