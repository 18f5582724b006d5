"""Measurements of frames, a set in numbers, and the differences of two sets."""

import json
import math

import cv2
import numpy as np
import pytest
from skimage.color import rgb2lab

from lpasrn_jax.data import statistics
from lpasrn_jax.data.statistics import METRICS, Measurements, chance_distance, compare_sets, measure_frame
from lpasrn_jax.data.tracks import BadTrack, RootContents, find_tracks
from lpasrn_jax.plates import BRAZIL
from tests.data.track_folder import LR_CORNERS, LR_SHAPE, write_set

LARGE = (100, 300)


def two_colours(first, second, shape=(20, 60)):
    image = np.full((*shape, 3), first, np.uint8)
    image[:, shape[1] // 2 :] = second
    return image


def test_brightness_contrast_and_colour_of_a_known_image():
    image = two_colours((200, 100, 50), (40, 40, 40))
    found = measure_frame(image, None, LARGE)
    greys = np.array([0.299 * 200 + 0.587 * 100 + 0.114 * 50, 40])
    lab = rgb2lab(image).mean((0, 1))
    assert (found["frame_height"], found["frame_width"]) == (20, 60)
    assert found["brightness"] == pytest.approx(greys.mean(), abs=1e-3)
    assert found["contrast"] == pytest.approx((greys[0] - 40) / (greys[0] + 40), abs=1e-5)
    assert found["blue_red"] == pytest.approx(-75)
    assert (found["lab_a"], found["lab_b"]) == pytest.approx(tuple(lab[1:]), abs=0.1)
    assert found["chroma"] == pytest.approx(np.hypot(lab[1], lab[2]), abs=0.1)  # the grey half adds nothing to either
    assert all(math.isnan(found[name]) for name in ("plate_height", "plate_share", "tilt"))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_image_of_one_level_has_no_contrast_and_no_sharpness(level):
    found = measure_frame(np.full((20, 60, 3), level, np.uint8), None, LARGE)
    assert (found["contrast"], found["sharpness"]) == pytest.approx((0, 0), abs=1e-3)


def test_blur_takes_sharpness_away_and_gain_does_not(rng):
    image = rng.integers(20, 100, (20, 60, 3)).astype(np.uint8)
    sharp = measure_frame(image, None, LARGE)["sharpness"]
    assert measure_frame(cv2.GaussianBlur(image, (0, 0), 1.0), None, LARGE)["sharpness"] < 0.7 * sharp
    assert measure_frame(2 * image, None, LARGE)["sharpness"] == pytest.approx(sharp, rel=1e-4)


def test_noise_is_measured_beside_edges_and_colour_noise_by_itself(rng):
    stripes = np.where(np.arange(240) // 6 % 2, 180.0, 60.0)[None, :, None]
    noise = rng.normal(0, 5, (80, 240, 1))
    clean, grey, red = (
        measure_frame((stripes + noise * np.array(gains)).round().astype(np.uint8), None, LARGE)
        for gains in ((0, 0, 0), (1, 1, 1), (1, 0, 0))
    )
    assert (clean["noise"], clean["colour_noise"]) == pytest.approx((0, 0), abs=0.01)
    assert grey["noise"] == pytest.approx(5, rel=0.06)
    assert grey["colour_noise"] < 0.5
    # Of red's noise 0.701 is in red - grey and 0.299 in blue - grey.
    assert red["colour_noise"] == pytest.approx(2.5, rel=0.06)
    assert red["noise"] == pytest.approx(0.299 * 5, rel=0.06)


def test_pixels_are_reduced_to_the_size_and_never_enlarged(rng):
    image = rng.integers(0, 256, (20, 60, 3)).astype(np.uint8)
    own = measure_frame(image, None, image.shape[:2])
    assert measure_frame(image, None, LARGE) == own
    doubled = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    reduced = measure_frame(doubled, None, image.shape[:2])
    assert reduced["frame_height"] == 40
    assert {name: reduced[name] for name in ("sharpness", "contrast")} == {name: own[name] for name in ("sharpness", "contrast")}


def turned(degrees, height=20.0, width=60.0, centre=(50.0, 40.0)):
    """Corners of an upright plate that has been turned clockwise as one sees it."""
    half = np.array([(-width, -height), (width, -height), (width, height), (-width, height)]) / 2
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return half @ np.array([(cos, sin), (-sin, cos)]) + centre


@pytest.mark.parametrize("degrees", [-12.0, 0.0, 5.0])
def test_corners_give_tilt_height_and_share(degrees):
    found = measure_frame(np.zeros((80, 100, 3), np.uint8), turned(degrees), LARGE)
    assert found["tilt"] == pytest.approx(degrees, abs=1e-4)
    assert found["plate_height"] == pytest.approx(20)
    assert found["plate_share"] == pytest.approx(20 * 60 / (80 * 100), rel=1e-4)


def test_pixels_are_those_between_the_corners_unless_the_whole_frame_is_asked_for():
    image, corners = np.zeros((80, 100, 3), np.uint8), turned(5.0)
    cv2.fillConvexPoly(image, np.rint(turned(5.0, 26, 66)).astype(int), (210, 210, 210))
    assert measure_frame(image, corners, LARGE)["brightness"] == pytest.approx(210)
    whole = measure_frame(image, corners, LARGE, whole=True)
    assert whole["brightness"] == pytest.approx(image.mean(), abs=0.01)
    assert whole["tilt"] == pytest.approx(5, abs=1e-4)


@pytest.fixture
def small_set(tmp_path):
    """Six tracks, three of them with corners, and their measurements."""
    found = find_tracks(write_set(tmp_path / "set"), BRAZIL)
    return found, statistics.measure_tracks(found.tracks, {"lr": (24, 72), "hr": (48, 144)})


def test_every_frame_is_measured_in_the_order_of_the_tracks(small_set):
    found, measurements = small_set
    for kind in ("lr", "hr"):
        np.testing.assert_array_equal(measurements.track[kind], np.repeat(np.arange(6), 5))
    frame = found.tracks[1].lr[3]
    expected = measure_frame(frame.read(), frame.corners, (24, 72))
    assert {name: values[8] for name, values in measurements.values["lr"].items()} == expected
    assert measurements.values["hr"]["frame_height"][8] == 2 * LR_SHAPE[0] - 4


def test_a_set_in_numbers(small_set):
    found, measurements = small_set
    found = RootContents(found.tracks, (BadTrack("track_9", "is empty"),), ("README.txt",))
    summary = statistics.summarise_set(found, measurements)
    assert json.loads(json.dumps(summary)) == summary
    assert (summary["tracks"], summary["plates"], summary["stray"], summary["bad"][0]["reason"]) == (6, 6, 1, "is empty")
    assert summary["layouts"] == {"Brazilian": 3, "Mercosur": 3}
    assert summary["scenarios"] == {"Scenario-A": 4, "Scenario-B": 2}
    assert sum(summary["characters"].values()) == 42
    assert summary["characters"]["X"] == 3
    assert summary["with_corners"] == {"lr": pytest.approx(4 / 6), "hr": pytest.approx(4 / 6)}
    brightness, tilt = (summary["metrics"]["lr"][name] for name in ("brightness", "tilt"))
    values = measurements.values["lr"]["brightness"]
    assert brightness["quantiles"]["50"] == pytest.approx(np.median(values))
    assert brightness["within_track"] == pytest.approx(values.reshape(6, 5).std(axis=1).mean())
    (top_left, top_right, bottom_right, bottom_left) = np.array(LR_CORNERS)
    along = top_right - top_left + bottom_right - bottom_left
    assert tilt["mean"] == pytest.approx(math.degrees(math.atan2(along[1], along[0])), abs=1e-4)  # over those that have corners
    assert tilt["within_track"] == pytest.approx(0, abs=1e-6)


def test_what_no_frame_has_is_left_out(tmp_path):
    found = find_tracks(write_set(tmp_path / "set", 4) / "Scenario-B", BRAZIL)
    measurements = statistics.measure_tracks(found.tracks, {"lr": (24, 72), "hr": (48, 144)})
    assert set(METRICS) - set(statistics.summarise_set(found, measurements)["metrics"]["lr"]) == {
        "plate_height",
        "plate_share",
        "tilt",
    }


def measurements_of(**by_name):
    n = len(next(iter(by_name.values())))
    values = {name: np.asarray(by_name.get(name, np.full(n, np.nan)), float) for name in METRICS}
    return Measurements({"lr": values}, {"lr": np.arange(n)})


def test_the_largest_difference_comes_first(rng):
    first = rng.normal(size=4000)
    found = compare_sets(
        measurements_of(brightness=first, contrast=first, sharpness=first, tilt=np.full(4000, np.nan)),
        measurements_of(brightness=rng.normal(size=4000), contrast=first + 100, sharpness=first + 0.5, tilt=first),
    )
    assert list(found["lr"]) == ["contrast", "sharpness", "brightness"]  # tilt is unknown in the first
    assert found["lr"]["contrast"] == statistics.Difference(1.0, 1.0)
    assert found["lr"]["brightness"].distance < 0.05
    assert found["lr"]["brightness"].outside == pytest.approx(0.02, abs=0.008)
    assert found["lr"]["sharpness"].distance == pytest.approx(0.197, abs=0.03)  # 2 Phi(0.25) - 1


def test_a_narrow_set_inside_a_wide_one_is_distant_but_not_outside(rng):
    wide, narrow = measurements_of(contrast=rng.uniform(0, 1, 2000)), measurements_of(contrast=rng.uniform(0.4, 0.6, 2000))
    inside, spread = compare_sets(wide, narrow)["lr"]["contrast"], compare_sets(narrow, wide)["lr"]["contrast"]
    assert inside.distance == spread.distance > 0.3
    assert (inside.outside, spread.outside) == (0, pytest.approx(0.8, abs=0.03))


def test_chance_exceeds_the_chance_distance_in_one_case_of_twenty(rng):
    limit = chance_distance(60, 40)
    drawn = [
        compare_sets(measurements_of(tilt=rng.normal(size=60)), measurements_of(tilt=rng.normal(size=40))) for _ in range(400)
    ]
    assert np.mean([found["lr"]["tilt"].distance > limit for found in drawn]) == pytest.approx(0.05, abs=0.03)
