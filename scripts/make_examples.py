"""Make the examples that the page of lpasrn_jax.serve offers: python scripts/make_examples.py

All are synthetic: frames of three tracks, and a picture of a car with a plate. The same command makes the same files.
"""

# A signal during the imports that follow ends it with one line.
from lpasrn_jax.signals import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()

import argparse
import pathlib

import cv2
import numpy as np

from lpasrn_jax.plates import BRAZILIAN_LAYOUTS
from lpasrn_jax.synthetic.plan import TrackPlan
from lpasrn_jax.synthetic.plate import draw_plate
from lpasrn_jax.synthetic.ranges import RANGES
from lpasrn_jax.synthetic.scene import age_plate
from lpasrn_jax.synthetic.tracks import render_track

OUT = pathlib.Path(__file__).parents[1] / "lpasrn_jax/serve/static/examples"
CAR = (1400, 1800)  # height and width of the sheet on which the car is drawn before it is seen from the side
PLATE = (690, 742, 1110, 878)  # its place there: left, top, right, bottom
SEEN = ((310, 185), (720, 212), (710, 500), (302, 530))  # where the sheet's corners lie in the picture
SIZE = (640, 960)
TRACKS = (  # name, seed, scenario, layout, text, frames
    ("one", 15, "Scenario-A", "Brazilian", "LPR2026", [3]),
    ("five", 18, "Scenario-A", "Mercosur", "BRA2E19", [1, 2, 3, 4, 5]),
    ("night", 9, "Scenario-B", "Mercosur", "SRX4C72", [3]),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=OUT, help="the folder to write into (%(default)s)")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, seed, scenario, layout, text, frames in TRACKS:
        plan = TrackPlan(seed, scenario, layout, BRAZILIAN_LAYOUTS[layout], text)
        files = {pathlib.Path(file): content for file, content in render_track(plan, seed)}
        for file, content in files.items():
            if file.stem in {f"lr-{frame:03d}" for frame in frames}:
                (out / f"{name}-{file.name.removeprefix('lr-')}").write_bytes(content)
    picture = photograph("CAR1D23", "Mercosur", np.random.default_rng(4))
    cv2.imwrite(str(out / "car.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])


def photograph(text: str, layout: str, rng: np.random.Generator) -> np.ndarray:
    """A car on a road as a camera beside the road sees it, uint8 RGB of `SIZE`."""
    sheet, cover = _car(text, layout, rng)
    height, width = SIZE
    corners = np.float32([[0, 0], [CAR[1], 0], [CAR[1], CAR[0]], [0, CAR[0]]])
    matrix = cv2.getPerspectiveTransform(corners, 2 * np.float32(SEEN))
    size = (2 * width, 2 * height)
    car, cover = (cv2.warpPerspective(part, matrix, size, flags=cv2.INTER_AREA) for part in (sheet, cover))
    picture = _road(rng)
    cv2.ellipse(picture, (1010, 1000), (420, 36), -2, 0, 360, (0.13, 0.13, 0.14), -1, cv2.LINE_AA)
    picture = cv2.GaussianBlur(picture, (0, 0), 9)
    picture += cover[..., None] * (car - picture)
    picture = cv2.resize(cv2.GaussianBlur(picture, (0, 0), 1.4), (width, height), interpolation=cv2.INTER_AREA)
    picture += rng.normal(0, 0.012, picture.shape)
    return np.uint8(np.clip(picture, 0, 1) * 255)


def _road(rng: np.random.Generator) -> np.ndarray:
    height, width = 2 * SIZE[0], 2 * SIZE[1]
    picture = np.empty((height, width, 3), np.float32)
    horizon = int(0.33 * height)
    picture[:horizon] = np.linspace((0.74, 0.80, 0.85), (0.86, 0.87, 0.86), horizon)[:, None]
    for _ in range(26):  # trees
        x, y, r = rng.integers(0, width), horizon - rng.integers(0, 130), int(rng.integers(40, 130))
        cv2.circle(
            picture, (int(x), int(y)), r, tuple(float(v) for v in rng.uniform(0.7, 1.3) * np.array([0.25, 0.33, 0.22])), -1
        )
    picture[horizon:] = np.linspace((0.44, 0.44, 0.45), (0.33, 0.33, 0.34), height - horizon)[:, None]
    cv2.rectangle(picture, (0, horizon), (width, horizon + 75), (0.60, 0.59, 0.57), -1)  # kerb
    cv2.line(picture, (1500, horizon + 90), (2300, height), (0.8, 0.8, 0.78), 26, cv2.LINE_AA)
    coarse = rng.normal(0, 0.02, (height // 4, width // 4, 1)).astype(np.float32)
    picture[horizon + 75 :] += cv2.resize(coarse, (width, height))[horizon + 75 :, :, None]
    return cv2.GaussianBlur(picture, (0, 0), 7)


def _car(text: str, layout: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The rear of a car on a flat sheet: RGB in [0, 1], and where it covers what lies behind."""
    height, width = CAR
    cover = np.zeros((height, width), np.float32)
    paint = np.float32([0.22, 0.31, 0.42])
    shade = np.linspace(1.25, 0.75, height, dtype=np.float32)[:, None, None] * np.ones((1, width, 1), np.float32)
    sheet = paint * shade
    body = [[430, 120], [1370, 120], [1560, 480], [1660, 560], [1670, 1120], [130, 1120], [140, 560], [240, 480]]
    for part, value in ((sheet, None), (cover, 1.0)):
        if value:
            _polygon(part, body, value)
    for left in (220, 1350):  # wheels
        _polygon(sheet, _box(left, 1060, left + 230, 1330), (0.05, 0.05, 0.06))
        _polygon(cover, _box(left, 1060, left + 230, 1330), 1.0)
    _polygon(sheet, [[480, 165], [1320, 165], [1480, 470], [320, 470]], (0.13, 0.16, 0.18))
    _polygon(sheet, [[480, 165], [900, 165], [700, 470], [320, 470]], (0.30, 0.34, 0.37))
    cv2.line(sheet, (240, 520), (1560, 520), tuple(map(float, 0.55 * paint)), 8, cv2.LINE_AA)
    for left in (160, 1370):
        _polygon(sheet, _box(left, 570, left + 270, 740), (0.62, 0.06, 0.07))
        _polygon(sheet, _box(left + 30, 600, left + 130, 660), (0.92, 0.55, 0.48))
    _polygon(sheet, _box(110, 960, 1690, 1170), (0.16, 0.16, 0.17))
    _polygon(cover, _box(110, 960, 1690, 1170), 1.0)
    cv2.line(sheet, (130, 985), (1670, 985), (0.32, 0.32, 0.33), 10, cv2.LINE_AA)
    _polygon(sheet, _box(640, 700, 1160, 910), tuple(map(float, 0.5 * paint)))
    left, top, right, bottom = PLATE
    plate = age_plate(draw_plate(text, layout, BRAZILIAN_LAYOUTS[layout], RANGES.plate, rng), RANGES.plate, rng)
    sheet[top:bottom, left:right] = cv2.resize(plate, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(sheet, (0, 0), 1), cv2.GaussianBlur(cover, (0, 0), 2)


def _box(left: int, top: int, right: int, bottom: int, cut: int = 24) -> list[list[int]]:
    """A box with its corners cut off."""
    return [
        [left + cut, top], [right - cut, top], [right, top + cut], [right, bottom - cut],
        [right - cut, bottom], [left + cut, bottom], [left, bottom - cut], [left, top + cut],
    ]  # fmt: skip


def _polygon(image: np.ndarray, points: list[list[int]], colour: float | tuple[float, ...]) -> None:
    cv2.fillPoly(image, [np.int32(points)], colour, cv2.LINE_AA)


if __name__ == "__main__":
    main()
