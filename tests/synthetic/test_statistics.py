"""What photographs of Brazilian plates show must lie well inside what is rendered, and be usual there."""

import dataclasses

import cv2
import numpy as np
import pytest

from lpasrn_jax.synthetic import camera, coding, pose, scene
from lpasrn_jax.synthetic.plate import draw_plate
from lpasrn_jax.synthetic.ranges import RANGES, Range

# 5th, 50th and 95th percentile over 57 photographs reduced to 34 pixels, and over two LR frames of each: 18 to 21 pixels high,
# blurred by 0.4 to 0.9 pixels, noise of 3 to 8 grey levels, JPEG 35 to 75.
PHOTOGRAPHS = {
    "hr": {
        "mean": (50.6, 105.4, 186.6),
        "michelson": (0.37, 0.60, 0.84),
        "sharpness": (0.38, 0.44, 0.49),
        "blue - red": (-34.0, -6.2, 13.5),
        "green": (-5.2, 1.4, 9.3),
        "sheet": (78, 145, 244),
        "ink": (12, 33, 100),
    },
    "lr": {
        "mean": (44.8, 100.5, 175.2),
        "michelson": (0.21, 0.40, 0.66),
        "sharpness": (0.34, 0.48, 0.59),
        "blue - red": (-29.2, -6.1, 14.2),
        "green": (-4.8, 1.3, 8.1),
        "sheet": (69, 137, 219),
        "ink": (20, 55, 132),
    },
}
# A plate nearly upright that fills its frame, as in the photographs.
CROP = dataclasses.replace(
    RANGES.pose,
    yaw_degrees=Range(0, 15),
    pitch_degrees=Range(-5, 5),
    roll_degrees=Range(0, 3),
    margin=Range(0.01, 0.07),
    usual_share=1.0,
    usual_lr_height=Range(17.6, 21.4),
    growth=Range(0.98, 1.02),
    hr_height=Range(33.6, 34.4),
)


def statistics(frame):
    """Of the characters' part of an RGB frame, in grey levels; sharpness is what a blur of one pixel takes away."""
    frame = frame.astype(np.float32)
    h, w, _ = frame.shape
    inner = np.s_[int(0.36 * h) : int(0.9 * h), int(0.07 * w) : int(0.93 * w)]
    grey = frame.mean(2)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1.0)
    ink, sheet = np.percentile(grey[inner], (5, 95))
    red, green, blue = frame.mean((0, 1))
    return {
        "mean": grey[inner].mean(),
        "michelson": (sheet - ink) / (sheet + ink + 1e-6),
        "sharpness": fine[inner].std() / (grey[inner].std() + 1e-6),
        "blue - red": blue - red,
        "green": green - (red + blue) / 2,
        "sheet": sheet,
        "ink": ink,
    }


@pytest.fixture(scope="module")
def rendered():
    """Statistics of 150 HR and 150 LR frames by day."""
    found = {"hr": [], "lr": []}
    for seed in range(150):
        rng = np.random.default_rng([7, seed])
        plate = scene.age_plate(draw_plate("ABC1234", "Brazilian", "LLLNNNN", RANGES.plate, rng), RANGES.plate, rng)
        device = camera.random_camera(RANGES.camera, rng, adverse=False)
        light = camera.linear_scene(scene.mount_on_car(plate, RANGES.plate, rng), device)
        lr, hr = (views[0] for views in pose.passing_car(CROP, rng, rectified=False, aligned=True))
        seen = camera.see(light, scene.PLATE_CORNERS, hr, device, rng)
        near = camera.reference_camera(device, RANGES.camera, rng)
        found["hr"].append(statistics(camera.record(seen, (hr.height, hr.width), near, rng)))
        far = camera.record(seen, (lr.height, lr.width), device, rng)
        found["lr"].append(statistics(coding.code_frames([far], [lr.corners], RANGES.camera, rng)[0]))
    return {kind: {name: np.array([row[name] for row in rows]) for name in rows[0]} for kind, rows in found.items()}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in PHOTOGRAPHS for name in PHOTOGRAPHS["hr"]])
def test_photographs_lie_inside_what_is_rendered(kind, name, rendered):
    low, middle, high = PHOTOGRAPHS[kind][name]
    values = rendered[kind][name]
    shares = [float(np.mean(values < v)) for v in (low, middle, high)]
    assert shares[0] > 0.005, "the range ends too high"
    assert shares[2] < 0.995, "the range ends too low"
    assert 0.2 < shares[1] < 0.8, "what is usual in photographs is not usual here"
