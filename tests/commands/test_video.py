"""Videos as tracks: frames chosen by sharpness."""

import cv2
import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax.commands.sources import find_sources
from lpasrn_jax.commands.video import BEST, sharpest_frames, sharpness
from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.reading.region import Region
from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import random_bundle

REGION = Region(box=(40, 30, 60, 20))


def write_video(path, blurs):
    """Frames of 160 x 96 pixels with the same letters in the region, blurred by so many pixels."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (160, 96))
    assert writer.isOpened()
    frame = np.full((96, 160, 3), 90, np.uint8)
    cv2.putText(frame, "ABC12", (42, 46), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (250, 250, 250), 1)
    for blur in blurs:
        writer.write(cv2.GaussianBlur(frame, (0, 0), blur) if blur else frame)
    writer.release()
    return path


def test_the_sharpest_frames_come_first(tmp_path):
    blurs = [3.0] * 20
    blurs[4], blurs[11], blurs[17] = 1.0, 0, 2.0
    found = sharpest_frames(write_video(tmp_path / "clip.avi", blurs), REGION)
    assert list(found)[:3] == ["frame-00012", "frame-00005", "frame-00018"]
    assert len(found) == BEST
    assert all(frame.shape == (20, 60, 3) for frame in found.values())


def test_noise_does_not_count_as_sharpness(rng):
    frame = np.full((40, 120, 3), 90, np.uint8)
    cv2.putText(frame, "ABC1234", (4, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (250, 250, 250), 2)
    noisy = np.clip(cv2.GaussianBlur(frame, (0, 0), 4) + rng.normal(0, 8, frame.shape), 0, 255).astype(np.uint8)
    assert sharpness(frame) > 2 * sharpness(noisy)


def test_a_video_is_read_as_one_track(tmp_path):
    path = write_video(tmp_path / "clip.avi", [0, 1, 2])
    (source,) = find_sources(path, BRAZIL, REGION).plates
    assert (source.name, [*source.images]) == ("clip", ["clip/frame-00001", "clip/frame-00002", "clip/frame-00003"])
    reader = lp.load(save_bundle(tmp_path / "small", random_bundle()))
    assert reader.read_track(source.images.values()).frames == 3


def test_what_is_no_video_is_said(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_text("no video")
    with pytest.raises(UserError, match="clip.mp4: OpenCV decodes no frame of it"):
        sharpest_frames(path, REGION)
    with pytest.raises(UserError, match="box: 400, .* leaves 0 x 20 pixels of .*clip.avi, which has 160 x 96"):
        sharpest_frames(write_video(tmp_path / "clip.avi", [0]), Region(box=(400, 30, 60, 20)))
