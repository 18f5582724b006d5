import dataclasses

import cv2
import numpy as np
import pytest

from lpasrn_jax.synthetic import camera, pose, scene

CLEAR = camera.Camera(exposure=0.3, white_balance=(1, 1, 1), contrast=1, softness=0, noise_gain=1, sharpening=0)
QUALITIES = {"lr": (camera.LR, pose.LR_HEIGHTS, pose.LR_WIDTHS), "hr": (camera.HR, pose.HR_HEIGHTS, pose.HR_WIDTHS)}


@pytest.mark.parametrize("track", [pose.approach, pose.fixed_crop])
def test_views_are_of_the_sizes_promised_and_hold_the_plate(track, rng):
    for _ in range(100):
        for views, (_, heights, widths) in zip(track(rng), QUALITIES.values(), strict=True):
            assert len(views) == pose.FRAMES
            for view in views:
                assert heights[0] <= view.height <= heights[1]
                assert widths[0] <= view.width <= widths[1]
                assert (view.corners > -0.5).all()
                assert (view.corners < np.array([view.width, view.height]) - 0.5).all()
                top_left, top_right, bottom_right, bottom_left = view.corners
                assert top_left[0] < top_right[0]
                assert bottom_left[0] < bottom_right[0]
                assert top_left[1] < bottom_left[1]
                assert top_right[1] < bottom_right[1]


def test_frames_of_an_approach_are_different_moments(rng):
    lr, hr = pose.approach(rng)
    corners = [tuple(np.round(view.corners.ravel(), 3)) for view in lr + hr]
    assert len(set(corners)) == 2 * pose.FRAMES
    assert lr[-1].height >= lr[0].height, "the car comes nearer"


def test_fixed_crop_has_the_plate_at_one_place_of_every_frame(rng):
    for _ in range(20):
        lr, hr = pose.fixed_crop(rng)
        relative = np.array([(v.corners + 0.5) / (v.width, v.height) for v in lr + hr])
        assert np.ptp(relative, axis=0).max() < 0.04


def target(rng):
    """A scene that is black but for a white disc in the middle of the plate."""
    image = np.zeros((scene.SCENE_HEIGHT, scene.SCENE_WIDTH, 3), np.float32)
    x, y = scene.PLATE_CORNERS.mean(0)
    cv2.circle(image, (round(float(x)), round(float(y))), 25, (1, 1, 1), -1)
    return image


@pytest.mark.parametrize("kind", QUALITIES)
def test_corners_say_where_the_plate_is(kind, rng):
    quality, *_ = QUALITIES[kind]
    sharp = dataclasses.replace(quality, motion=0.0)
    light = camera.linear_scene(target(rng), sharp)
    for view in pose.approach(rng)[kind == "hr"]:
        frame = camera.capture(light, view, CLEAR, sharp, rng).mean(2)
        weight = np.clip(frame - 40, 0, None)
        y, x = np.mgrid[: view.height, : view.width]
        found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        square = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])
        matrix = cv2.getPerspectiveTransform(square, np.float32(view.corners))
        expected = cv2.perspectiveTransform(np.float32([[[0.5, 0.5]]]), matrix)[0, 0]
        np.testing.assert_allclose(found, expected, atol=0.3)


def grey_card(camera_settings, quality, rng, view=None):
    light = camera.linear_scene(np.full((scene.SCENE_HEIGHT, scene.SCENE_WIDTH, 3), 0.5, np.float32), quality)
    view = view or pose.approach(rng)[0][0]
    return camera.capture(light, view, camera_settings, quality, rng).astype(float)


def test_lr_is_noisier_than_hr(rng):
    assert grey_card(CLEAR, camera.LR, rng).std((0, 1)).mean() > 2 * grey_card(CLEAR, camera.HR, rng).std((0, 1)).mean()


@pytest.mark.parametrize(
    ("setting", "value"), [("exposure", 0.1), ("contrast", 1.4), ("monochrome", True), ("white_balance", (1.3, 1.0, 0.7))]
)
def test_settings_of_the_camera_show(setting, value, rng):
    changed = grey_card(dataclasses.replace(CLEAR, **{setting: value}), camera.HR, rng)
    if setting == "monochrome":
        assert np.ptp(changed, axis=2).max() == 0
    elif setting == "white_balance":
        red, green, blue = changed.mean((0, 1))
        assert red > green + 10 > blue + 20
    else:
        assert changed.mean() < grey_card(CLEAR, camera.HR, rng).mean() - 10


def test_rain_and_bloom_change_the_picture():
    def capture(settings):
        return grey_card(settings, camera.HR, np.random.default_rng(3), view=pose.approach(np.random.default_rng(4))[1][0])

    clear = capture(CLEAR)
    for change in ({"rain": 12.0}, {"bloom": 0.3}):
        assert np.abs(capture(dataclasses.replace(CLEAR, **change)) - clear).max() > 15, change


def test_adverse_cameras_have_night_and_rain(rng):
    cameras = [camera.random_camera(rng, adverse=True) for _ in range(60)]
    assert all(c.rain or c.bloom for c in cameras)
    assert any(c.rain and c.bloom for c in cameras)
    assert any(c.monochrome for c in cameras)
    assert not any(c.rain or c.bloom or c.monochrome for c in (camera.random_camera(rng, adverse=False) for _ in range(20)))
