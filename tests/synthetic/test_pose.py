import dataclasses

import cv2
import numpy as np
import pytest

from lpasrn_jax.synthetic import pose
from lpasrn_jax.synthetic.plate import TEXT_BOX
from lpasrn_jax.synthetic.ranges import RANGES, Range

KINDS = [dict(rectified=rectified, aligned=aligned) for rectified in (True, False) for aligned in (True, False)]
UNIT = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])


def tracks(rng, number=60, ranges=RANGES.pose, **kind):
    return [pose.passing_car(ranges, rng, **kind) for _ in range(number)]


def relative(view):
    return (view.corners + 0.5) / (view.width, view.height)


def mapped(view, points):
    return cv2.perspectiveTransform(np.float32(points)[:, None], cv2.getPerspectiveTransform(UNIT, np.float32(view.corners)))[
        :, 0
    ]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_views_have_the_heights_of_the_ranges_and_a_plate_that_stands_upright(kind, rng):
    for track in tracks(rng, **kind):
        for views, heights in zip(track, (RANGES.pose.lr_height, RANGES.pose.hr_height), strict=True):
            assert len(views) == pose.FRAMES
            for view in views:
                assert heights.low <= view.height <= heights.high
                top_left, top_right, bottom_right, bottom_left = view.corners
                assert top_left[0] < top_right[0]
                assert bottom_left[0] < bottom_right[0]
                assert top_left[1] < bottom_left[1]
                assert top_right[1] < bottom_right[1]


def test_known_corners_lie_inside_the_frame(rng):
    for lr, hr in tracks(rng, rectified=True, aligned=True):
        for view in lr + hr:
            assert (view.corners > -0.5).all()
            assert (view.corners < np.array([view.width, view.height]) - 0.5).all()


def test_no_character_is_cut_off_even_by_a_tight_crop(rng):
    left, top, right, bottom = TEXT_BOX
    box = [(left, top), (right, top), (right, bottom), (left, bottom)]
    tight = dataclasses.replace(RANGES.pose, margin=Range(-0.12, -0.04))
    cut = 0
    for lr, _ in tracks(rng, ranges=tight, rectified=False, aligned=True):
        for view in lr:
            text = mapped(view, box)
            assert (text > -0.51).all()
            assert (text < np.array([view.width, view.height]) - 0.49).all()
            cut += (view.corners < -0.5).any()
    assert cut, "the plate's rim is cut"


@pytest.mark.parametrize("rectified", [True, False])
def test_aligned_frames_are_one_moment_and_others_are_not(rectified, rng):
    for aligned in (True, False):
        same = [
            np.abs(relative(a) - relative(b)).max() < 1e-9
            for lr, hr in tracks(rng, 10, rectified=rectified, aligned=aligned)
            for a, b in zip(lr, hr, strict=True)
        ]
        assert all(same) if aligned else not any(same)


def test_a_car_comes_nearer_and_no_two_frames_are_alike(rng):
    growth = []
    for lr, _ in tracks(rng, rectified=True, aligned=True):
        assert len({tuple(np.round(relative(view).ravel(), 4)) for view in lr}) == pose.FRAMES
        growth.append(lr[-1].height / lr[0].height)
    assert np.median(growth) > 1.03


def test_frames_used_whole_have_the_plate_at_one_place_within_half_an_lr_pixel_or_so(rng):
    moved = []
    for lr, _ in tracks(rng, rectified=False, aligned=False):
        places = np.array([relative(view) * (view.width, view.height) for view in lr])
        places *= 20 / np.array([view.height for view in lr])[:, None, None]
        moved.append(np.ptp(places.mean(1), axis=0).max())
    assert 0.2 < np.median(moved) < 1.2


def test_usual_heights_are_usual_and_all_occur(rng):
    heights = np.array([view.height for lr, _ in tracks(rng, 300, rectified=True, aligned=True) for view in lr])
    assert np.mean((heights >= 17) & (heights <= 24)) > 0.5
    assert heights.min() <= 12
    assert heights.max() >= 32


def test_no_plate_is_too_small_to_hold_a_text(rng):
    sides = [view.corners[3:1:-1] - view.corners[:2] for lr, _ in tracks(rng, rectified=True, aligned=True) for view in lr]
    lengths = np.array([np.linalg.norm(side, axis=1).mean() for side in sides])
    assert lengths.min() > RANGES.pose.smallest_plate - 0.5
    assert lengths.min() < 10


def test_tilts_of_photographs_lie_inside_and_larger_ones_occur(rng):
    flat = dataclasses.replace(RANGES.pose, yaw_degrees=Range(0, 0), pitch_degrees=Range(0, 0))
    tilts = []
    for lr, _ in tracks(rng, 300, flat, rectified=False, aligned=True):
        across = np.diff(lr[0].corners[:2], axis=0)[0]
        tilts.append(abs(np.degrees(np.arctan2(across[1], across[0]))))
    assert 0.6 < np.median(tilts) < 2.2
    assert np.mean(np.array(tilts) < 2.9) < 0.9
    assert max(tilts) > 6
