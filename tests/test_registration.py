"""Frames of a track come to the place of the first; what cannot be registered stays as it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lpasrn_jax.registration import register
from lpasrn_jax.synthetic.plate import draw_plate
from lpasrn_jax.synthetic.ranges import PlateRanges

SIZE = (24, 72)


@pytest.fixture(scope="module")
def plate():
    """A synthetic plate, finely sampled, with bodywork around it."""
    drawn = draw_plate("ABC1234", "Brazilian", "LLLNNNN", PlateRanges(), np.random.default_rng(3))
    return cv2.copyMakeBorder((drawn * 255).astype(np.uint8), 30, 30, 40, 40, cv2.BORDER_CONSTANT, value=(40, 40, 40))


def seen(plate, matrix=((1, 0, 0), (0, 1, 0)), gain=1.0):
    """A frame of the plate, moved by an affine transform in LR pixels."""
    h, w, _ = plate.shape
    matrix = np.float32(matrix) * [[1, w / h * SIZE[0] / SIZE[1], w / SIZE[1]], [h / w * SIZE[1] / SIZE[0], 1, h / SIZE[0]]]
    moved = cv2.warpAffine(plate, matrix, (w, h), borderMode=cv2.BORDER_REPLICATE)
    small = cv2.resize(moved, SIZE[::-1], interpolation=cv2.INTER_AREA) * gain
    return small.clip(0, 255).astype(np.uint8)


def difference(a, b):
    return np.abs(a[3:-3, 6:-6].astype(float) - b[3:-3, 6:-6]).mean()


@pytest.mark.parametrize(
    "matrix", [((1, 0, 1.4), (0, 1, -0.7)), ((1.06, 0, -1), (0, 1.06, -0.5)), ((1, 0.05, 0), (-0.05, 1, 1))], ids=str
)
def test_a_moved_frame_comes_back(plate, matrix):
    first, moved = seen(plate), seen(plate, matrix)
    registered = register(np.stack([first, moved]))[1]
    assert difference(registered, first) < 0.35 * difference(moved, first)


def test_a_darker_frame_is_registered_all_the_same(plate):
    first, moved = seen(plate), seen(plate, ((1, 0, 1.4), (0, 1, -0.7)), gain=0.5)
    registered = register(np.stack([first, moved]))[1]
    assert difference(registered, seen(plate, gain=0.5)) < 0.35 * difference(moved, seen(plate, gain=0.5))


def test_the_first_frame_and_frames_that_do_not_fit_stay(plate):
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    blank = np.full((*SIZE, 3), 90, np.uint8)
    frames = np.stack([seen(plate), noise, blank])
    registered = register(frames)
    np.testing.assert_array_equal(registered[0], frames[0])
    np.testing.assert_array_equal(registered[2], blank)
    assert registered.shape == frames.shape


def test_one_frame_is_itself(plate):
    frames = seen(plate)[None]
    np.testing.assert_array_equal(register(frames), frames)
