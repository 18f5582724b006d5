import dataclasses

import numpy as np
import pytest

from lpasrn_jax.synthetic.coding import code_frames, code_jpeg
from lpasrn_jax.synthetic.ranges import RANGES, Range


@pytest.fixture
def frames(rng):
    """Three frames of a grey picture with a pattern that moves, of different sizes."""
    base = rng.uniform(60, 200, (30, 80, 1)).repeat(3, 2)
    return [np.uint8(base[: 20 + i, i : 56 + i]) for i in range(3)]


# Where the pattern's upper left part lies in each of those frames.
CORNERS = [np.float64([[9, 2], [49, 2], [49, 18], [9, 18]]) - (i, 0) for i in range(3)]


def ranges(**changes):
    return dataclasses.replace(RANGES.camera, **changes)


def error(coded, frames):
    return np.sqrt(np.mean([(a.astype(float) - b).var() for a, b in zip(coded, frames, strict=True)]))


@pytest.mark.parametrize("video", [0.0, 1.0])
def test_frames_keep_their_sizes_and_lose_more_at_low_quality(video, frames, rng):
    errors = []
    for quality in (35, 90):
        coded = code_frames(frames, CORNERS, ranges(video=video, jpeg=Range(quality, quality), grid_offset=1.0), rng)
        assert [frame.shape for frame in coded] == [frame.shape for frame in frames]
        errors.append(error(coded, frames))
    assert errors[0] > 1.5 * errors[1]


def test_blocks_begin_where_the_offset_says():
    grey = np.full((32, 64, 3), 100, np.uint8)
    grey[:, 30:] = 150
    fault = np.abs(code_jpeg(grey, 20).astype(int) - grey).max((0, 2))
    shifted = np.abs(code_jpeg(grey, 20, (0, 2)).astype(int) - grey).max((0, 2))
    assert fault[24:32].max() > 0, "the edge lies inside a block"
    assert shifted.max() < fault.max(), "and here between two"


def test_video_keeps_the_faults_of_one_frame_in_the_next(rng):
    still = [np.uint8(rng.uniform(60, 200, (24, 64, 1)).repeat(3, 2))] * 2
    settings = dict(jpeg=Range(40, 40), grid_offset=0.0)
    first, second = code_frames(still, [CORNERS[0]] * 2, ranges(video=1.0, **settings), rng)
    a, b = code_frames(still, [CORNERS[0]] * 2, ranges(video=0.0, **settings), rng)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(first, a)
    assert np.corrcoef((second.astype(int) - still[1]).ravel(), (first.astype(int) - still[0]).ravel())[0, 1] > 0.3


def test_video_finds_a_moved_plate_again(frames):
    settings = ranges(video=1.0, jpeg=Range(40, 40), grid_offset=0.0)
    moving = [frames[0], frames[0][:, 2:]]
    known, unknown = (
        code_frames(moving, [CORNERS[0], corners], settings, np.random.default_rng(0))[1] for corners in (CORNERS[2], CORNERS[0])
    )
    assert error([known], moving[1:]) < 0.95 * error([unknown], moving[1:])
