import dataclasses

import cv2
import numpy as np
import pytest

from lpasrn_jax.synthetic import camera, pose, scene
from lpasrn_jax.synthetic.ranges import RANGES

CLEAR = camera.Camera(level=140)
GREY = np.full((scene.SCENE_HEIGHT, scene.SCENE_WIDTH, 3), 128, np.uint8)


@pytest.fixture
def view(rng):
    return pose.passing_car(RANGES.pose, rng, rectified=True, aligned=True)[0][0].at_height(40)


def take(picture, settings, view, seed=0):
    rng = np.random.default_rng(seed)
    seen = camera.see(camera.linear_scene(picture, settings), scene.PLATE_CORNERS, view, settings, rng)
    return camera.record(seen, (view.height, view.width), settings, rng).astype(float)


def target():
    """A scene that is black but for a white disc in the middle of the plate."""
    image = np.zeros((scene.SCENE_HEIGHT, scene.SCENE_WIDTH, 3), np.uint8)
    x, y = scene.PLATE_CORNERS.mean(0)
    cv2.circle(image, (round(float(x)), round(float(y))), 17, (255, 255, 255), -1)
    return image


def edge():
    image = GREY // 5
    image[:, scene.SCENE_WIDTH // 2 :] = 128
    return image


@pytest.mark.parametrize("height", [12, 20, 34, 60])
def test_corners_say_where_the_plate_is_at_every_size(height, rng):
    dim = dataclasses.replace(CLEAR, level=1)  # against black the disc is far above the sheet's level
    for kind in (True, False):
        view = pose.passing_car(RANGES.pose, rng, rectified=kind, aligned=True)[0][0].at_height(height)
        frame = take(target(), dim, view).mean(2)
        y, x = np.mgrid[: view.height, : view.width]
        found = np.array([(frame * x).sum(), (frame * y).sum()]) / frame.sum()
        square = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])
        matrix = cv2.getPerspectiveTransform(square, np.float32(view.corners))
        expected = cv2.perspectiveTransform(np.float32([[[0.5, 0.5]]]), matrix)[0, 0]
        np.testing.assert_allclose(found, expected, atol=0.25)


def test_level_is_the_sheets_grey_level(view):
    for level in (50, 140, 220):
        assert take(GREY, dataclasses.replace(CLEAR, level=level), view).mean() == pytest.approx(level, abs=2)
    assert take(GREY, dataclasses.replace(CLEAR, level=280), view).min() == 255, "burnt out"


def test_noise_is_of_the_strength_asked_for(view):
    for noise in (2, 8):
        noisy = take(GREY, dataclasses.replace(CLEAR, noise=noise), view)
        assert noisy.std((0, 1)).mean() == pytest.approx(noise, rel=0.25)


def test_blur_is_measured_in_pixels_of_the_frame_whatever_its_size(view):
    for height in (20, 40, 60):
        upright = view.at_height(height)
        for sigma in (0.6, 1.2):
            row = take(edge(), dataclasses.replace(CLEAR, defocus=sigma), upright).mean((0, 2))
            sharp = take(edge(), dataclasses.replace(CLEAR, defocus=0.0), upright).mean((0, 2))
            assert np.abs(np.diff(row)).max() < np.abs(np.diff(sharp)).max()
    assert sigma


@pytest.mark.parametrize(
    "change",
    [{"contrast": 1.4}, {"veil": 0.3}, {"monochrome": True}, {"white_balance": (1.3, 1.0, 0.7)}, {"lamp": (0.1, 0.5, 0.4)}],
    ids=str,
)
def test_settings_of_the_camera_show(change, view):
    coloured = np.uint8(GREY * np.array([1.0, 0.9, 0.8]))
    plain, changed = take(coloured, CLEAR, view), take(coloured, dataclasses.replace(CLEAR, **change), view)
    if "monochrome" in change:
        assert np.ptp(changed, axis=2).max() == 0
    elif "white_balance" in change:
        red, _, blue = changed.mean((0, 1)) - plain.mean((0, 1))
        assert red > 5 > -5 > blue
    elif "lamp" in change:
        assert changed[:, :10].mean() > changed[:, -10:].mean() + 20
    else:
        assert abs(changed.mean() - plain.mean()) > 5


@pytest.mark.parametrize("change", [{"sharpening": 1.0}, {"demosaic": True}, {"bloom": 0.4}, {"motion": (3.0, 0.0)}], ids=str)
def test_optics_and_processing_change_an_edge(change, view):
    plain, changed = take(edge(), CLEAR, view), take(edge(), dataclasses.replace(CLEAR, **change), view)
    assert np.abs(changed - plain).max() > 4


def test_a_reduced_picture_averages_grey_levels_not_light(view):
    stripes = np.full_like(GREY, 255)
    stripes[:, np.arange(scene.SCENE_WIDTH) % 12 < 6] = 0
    means = [take(stripes, dataclasses.replace(CLEAR, level=250, defocus=4.0, reduced=r), view).mean() for r in (False, True)]
    assert means[0] > means[1] + 30


def test_denoising_removes_noise_and_keeps_edges(view):
    noisy = dataclasses.replace(CLEAR, noise=8)
    smooth = dataclasses.replace(noisy, denoise=True)
    assert take(GREY, smooth, view).std() < 0.7 * take(GREY, noisy, view).std()
    assert np.ptp(take(edge(), smooth, view).mean((0, 2))) > 0.8 * np.ptp(take(edge(), noisy, view).mean((0, 2)))


def test_rain_leaves_streaks(view):
    assert take(GREY, dataclasses.replace(CLEAR, rain=14), view).std() > 2 * take(GREY, CLEAR, view).std() + 1


def test_adverse_cameras_have_night_and_rain(rng):
    cameras = [camera.random_camera(RANGES.camera, rng, adverse=True) for _ in range(80)]
    assert all(c.rain or c.bloom for c in cameras)
    assert any(c.rain and c.bloom for c in cameras)
    assert any(c.monochrome for c in cameras)
    assert any(c.lamp for c in cameras)
    day = [camera.random_camera(RANGES.camera, rng, adverse=False) for _ in range(40)]
    assert not any(c.rain or c.bloom or c.monochrome or c.lamp for c in day)


def test_the_reference_camera_sees_the_same_light_with_less_blur_and_noise(rng):
    for _ in range(20):
        far = camera.random_camera(RANGES.camera, rng, adverse=False)
        near = camera.reference_camera(far, RANGES.camera, rng)
        assert (near.level, near.white_balance, near.contrast, near.veil) == (
            far.level,
            far.white_balance,
            far.contrast,
            far.veil,
        )
        assert near.defocus <= RANGES.camera.hr_defocus.high
        assert near.noise <= RANGES.camera.hr_noise.high


def test_exposure_and_blur_change_between_frames(rng):
    moments = [camera.flicker(CLEAR, RANGES.camera, rng) for _ in range(20)]
    assert len({m.level for m in moments}) == len({m.defocus for m in moments}) == 20
    assert all(abs(m.level / CLEAR.level - 1) <= RANGES.camera.flicker.high for m in moments)
