"""Decoding, and rectification: does each pixel of the result show the place of the plate that it should?"""

import cv2
import numpy as np
import pytest

from lpasrn_jax import frames
from lpasrn_jax.errors import UserError

# Red rises from left to right of the plate and green from top to bottom, so a pixel's colour is its place on the plate.
LOW, HIGH = 16.0, 240.0


def _plate_colours(u, v):
    return np.stack([LOW + (HIGH - LOW) * u, LOW + (HIGH - LOW) * v, np.full_like(u, 128.0)], -1)


def _photograph(shape, corners):
    """An image in which the plate, continued beyond its edges, has those corners."""
    h, w = shape
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    u, v, depth = np.einsum("ij,jhw->ihw", cv2.getPerspectiveTransform(corners, unit), np.stack([x, y, np.ones_like(x)]))
    return np.clip(np.rint(_plate_colours(u / depth, v / depth)), 0, 255).astype(np.uint8)


def _places(plate):
    """Where on the plate, in pixels of the result from its outer top-left corner, each pixel's colour belongs."""
    h, w, _ = plate.shape
    u, v = np.moveaxis((plate[..., :2] - LOW) / (HIGH - LOW), -1, 0)
    return u * w, v * h


@pytest.mark.parametrize(
    ("shape", "corners", "size"),
    [
        ((20, 40), [[3, 2], [37, 3], [36, 17], [2, 16]], (24, 72)),  # LR: grows
        ((34, 80), [[6.3, 3.8], [73.1, 5.2], [75.4, 29.6], [4.5, 27.9]], (48, 144)),  # HR: grows
        ((200, 420), [[30, 40], [380, 20], [400, 180], [20, 150]], (24, 72)),  # shrinks 5 and 6 times
        ((60, 90), [[5, 5], [85, 12], [80, 50], [12, 55]], (48, 144)),  # grows in one direction only
    ],
)
def test_pixels_of_a_rectified_plate_are_where_they_belong(shape, corners, size):
    corners = np.array(corners, np.float32)
    plate = frames.frame_array(_photograph(shape, corners), corners, size)
    assert plate.shape == (*size, 3)
    assert plate.dtype == np.uint8
    x, y = _places(plate)
    h, w = size
    inside = np.s_[2:-2, 2:-2]  # the colours beyond the image's edge are repeated, not continued
    error_x, error_y = (x - (np.arange(w) + 0.5))[inside], (y - (np.arange(h) + 0.5)[:, None])[inside]
    # One grey level is w / 224 pixels: rounding twice gives up to that, and no bias.
    assert abs(error_x).max() < 1.5 * w / (HIGH - LOW)
    assert abs(error_y).max() < 0.35
    assert abs(error_x.mean()) < 0.05
    assert abs(error_y.mean()) < 0.05


def test_lr_and_hr_of_one_plate_agree_in_relative_coordinates():
    lr_corners = np.array([[3.25, 2.5], [36.5, 3.0], [36.0, 16.5], [2.5, 16.0]], np.float32)
    hr_corners = (lr_corners + 0.5) * 2 - 0.5  # the same places of an image with twice as many pixels
    lr = frames.frame_array(_photograph((20, 40), lr_corners), lr_corners, (24, 72))
    hr = frames.frame_array(_photograph((40, 80), hr_corners), hr_corners, (48, 144))
    halved = hr.reshape(24, 2, 72, 2, 3).astype(float).mean((1, 3))
    assert abs(halved - lr)[2:-2, 2:-2].max() <= 2.0
    assert abs((halved - lr)[2:-2, 2:-2].mean()) < 0.2


def test_a_frame_without_corners_is_used_whole():
    image = np.random.default_rng(0).integers(0, 256, (20, 40, 3), np.uint8)
    whole = frames.frame_array(image, None, (24, 72))
    np.testing.assert_array_equal(whole, frames.frame_array(image, frames.outer_corners(20, 40), (24, 72)))
    np.testing.assert_array_equal(frames.frame_array(image, None, (20, 40)), image)
    # OpenCV's own resizing has the same convention; it differs by the 1/32 pixel to which a warp rounds places.
    resized = cv2.resize(image, (72, 24), interpolation=cv2.INTER_CUBIC).astype(float)
    assert abs(whole - resized).max() <= 12
    assert abs(whole - resized).mean() < 1.5


@pytest.mark.parametrize("times", [3, 4])
def test_shrinking_takes_the_mean(times):
    image = np.random.default_rng(0).integers(0, 256, (16 * times, 48 * times, 3), np.uint8)
    means = image.reshape(16, times, 48, times, 3).astype(float).mean((1, 3))
    assert abs(frames.frame_array(image, None, (16, 48)) - means).max() <= 0.5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_kind_of_png_becomes_rgb(dtype, channels):
    rgb = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    image = rgb[..., 0] if channels == 1 else np.dstack([rgb[..., ::-1], rgb[..., :1]])[..., :channels]
    if dtype == np.uint16:
        image = image.astype(np.uint16) * 256 + 77
    decoded = frames.decode_image(cv2.imencode(".png", image)[1].tobytes())
    np.testing.assert_array_equal(decoded, np.repeat(rgb[..., :1], 3, -1) if channels == 1 else rgb)


@pytest.mark.parametrize("encoded", [b"", b"text", cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))[1].tobytes()[:50]])
def test_bytes_that_are_no_image(encoded):
    with pytest.raises(UserError, match="OpenCV cannot decode it"):
        frames.decode_image(encoded)


@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_a_file_cut_anywhere_is_noticed(extension):
    image = np.random.default_rng(0).integers(0, 256, (34, 80, 3), np.uint8)
    encoded = cv2.imencode(extension, image)[1].tobytes()
    assert frames.check_image(encoded) == (34, 80)
    for length in (1, 9, 30, len(encoded) // 2, len(encoded) - 30):
        with pytest.raises(UserError, match=r"cut short|not an image|cannot decode"):
            frames.check_image(encoded[:length])


def test_a_changed_byte_is_noticed():
    image = np.random.default_rng(0).integers(0, 256, (34, 80, 3), np.uint8)
    encoded = bytearray(cv2.imencode(".png", image)[1].tobytes())
    encoded[len(encoded) // 2] ^= 255
    with pytest.raises(UserError, match="cut short or damaged"):
        frames.check_image(bytes(encoded))
