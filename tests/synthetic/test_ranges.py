"""Every range has the effect that its comment says."""

import dataclasses

import numpy as np
import pytest

from lpasrn_jax.synthetic import camera, canvas, scene
from lpasrn_jax.synthetic.plate import draw_plate
from lpasrn_jax.synthetic.ranges import RANGES, Range

NOTHING = Range(0, 0)
# A grey plate without any of what is optional.
BARE = dataclasses.replace(
    RANGES.plate,
    brazilian_categories=(("private", 1.0),),
    emboss=NOTHING,
    film=0.0,
    seal=0.0,
    bolts=0.0,
    slots=0.0,
    fade=NOTHING,
    dirt=0.0,
    worn=0.0,
    bend_mm=NOTHING,
    shadow=0.0,
    glare=0.0,
    uneven_light=NOTHING,
    holder=0.0,
    reflectors=0.0,
)
SEEDS = range(12)


def plate(seed=0, **changes):
    ranges = dataclasses.replace(BARE, **changes)
    rng = np.random.default_rng(seed)
    return scene.age_plate(draw_plate("ABC1234", "Brazilian", "LLLNNNN", ranges, rng), ranges, rng)


def box(image, left, top, right, bottom):
    """A part of a plate, in mm."""
    return image[canvas.px(top) : canvas.px(bottom), canvas.px(left) : canvas.px(right)]


def over_seeds(measure, **changes):
    return np.mean([measure(plate(seed, **changes)) for seed in SEEDS])


def test_a_range_is_drawn_from_end_to_end_and_its_power_favours_low_values(rng):
    skewed = Range(2, 10, power=3)
    values = np.array([skewed.draw(rng) for _ in range(2000)])
    assert 2 <= values.min() < 2.1 < 9.9 < values.max() <= 10
    assert np.median(values) == pytest.approx(2 + 8 * 0.5**3, abs=0.3)
    signs = np.sign([skewed.signed(rng) for _ in range(500)])
    assert 200 < (signs > 0).sum() < 300


@pytest.mark.parametrize("name", ["grey", "white", "ink"])
def test_reflectances_are_those_of_the_range(name):
    category = "official" if name == "white" else "private"
    levels = []
    for limits in (Range(0.3, 0.3), Range(0.5, 0.5)):
        image = plate(brazilian_categories=((category, 1.0),), **{name: limits})
        dark, light = np.percentile(box(image, 20, 50, 380, 110).mean(2), (3, 90))
        levels.append(dark if name == "ink" else light)
    assert levels == pytest.approx([0.3, 0.5], abs=0.06)


def test_seals_bolts_and_slots_are_there_when_asked_for():
    def colour(image):
        return np.ptp(box(image, 35, 12, 65, 38), axis=2).max()

    assert over_seeds(colour, seal=1.0) > over_seeds(colour) + 0.15
    for name, area in (("bolts", (105, 2, 130, 20)), ("slots", (105, 114, 130, 121))):
        assert over_seeds(lambda image, a=area: box(image, *a).std(), **{name: 1.0}) > over_seeds(
            lambda image, a=area: box(image, *a).std()
        )


@pytest.mark.parametrize(
    ("changes", "measure"),
    [
        ({"film": 1.0, "film_strength": Range(0.05, 0.05)}, lambda image: box(image, 166, 48, 184, 70).std()),
        ({"dirt": 1.0, "dirt_strength": Range(0.4, 0.4)}, lambda image: -box(image, 10, 40, 390, 120).mean()),
        ({"worn": 1.0}, lambda image: np.mean(box(image, 20, 50, 380, 110) > 0.4)),
        ({"shadow": 1.0, "shadow_depth": Range(0.5, 0.5)}, lambda image: -box(image, 6, 4, 394, 12).mean()),
        ({"glare": 1.0, "glare_strength": Range(0.6, 0.6)}, lambda image: image.mean()),
        ({"uneven_light": Range(0.3, 0.3)}, lambda image: abs(image[:, :30].mean() - image[:, -30:].mean())),
        ({"fade": Range(0.3, 0.3)}, lambda image: -np.ptp(np.percentile(box(image, 20, 50, 380, 110), (5, 95)))),
        ({"emboss": Range(0.4, 0.4)}, lambda image: image.max() - np.median(image)),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_age_and_light_show(changes, measure):
    assert over_seeds(measure, **changes) > over_seeds(measure) + 0.004


def mounted(**changes):
    """A plate's surroundings, and its rim, of several scenes."""
    ranges = dataclasses.replace(BARE, **changes)
    scenes = [scene.mount_on_car(plate(seed), ranges, np.random.default_rng(seed)) for seed in SEEDS]
    x, y = scene.MARGIN_X, scene.MARGIN_Y
    around = np.array([s[y - 2, x + 20 : x + 300].astype(float).mean() for s in scenes])
    rim = np.array([np.ptp(s[y : y + 4, x : x + canvas.WIDTH].astype(float), axis=2).max() for s in scenes])
    return around, rim


def test_holders_and_reflectors_surround_the_plate():
    assert mounted(holder=1.0)[0].max() < 0.25 * 255 + 1
    assert mounted()[0].max() > 100, "a light car"
    assert np.median(mounted(reflectors=1.0)[1]) > np.median(mounted()[1]) + 40


def test_round_corners_show_the_car():
    def corner(radius):
        ranges = dataclasses.replace(BARE, outline_radius_mm=Range(radius, radius))
        white = np.ones((canvas.HEIGHT, canvas.WIDTH, 3), np.float32)
        image = scene.mount_on_car(white, ranges, np.random.default_rng(1))
        return (image[scene.MARGIN_Y : scene.MARGIN_Y + 20, scene.MARGIN_X : scene.MARGIN_X + 20] < 255).any(2).sum()

    assert corner(20) > 1.5 * corner(12) > 0


def test_some_mercosur_characters_take_plainer_shapes():
    ranges = dataclasses.replace(BARE, place_mm=NOTHING)
    fe, mixed = (
        draw_plate("ABC0D06", "Mercosur", "LLLNLNN", dataclasses.replace(ranges, plain_shapes=p), np.random.default_rng(2))
        for p in (0.0, 1.0)
    )
    assert (np.abs(fe - mixed).max(2) > 0.3).sum() > 100


def test_characters_are_off_their_places_by_no_more_than_the_range():
    places = [plate(place_mm=Range(mm, mm)) for mm in (0, 2)]
    moved = np.abs(places[0] - places[1]).max(2) > 0.2
    assert moved.any()
    assert not moved[: canvas.px(40)].any()


@pytest.mark.parametrize(
    ("setting", "limits"),
    [
        (lambda c: c.level, RANGES.camera.level),
        (lambda c: abs(np.log(c.white_balance[0])), RANGES.camera.warmth),
        (lambda c: np.log(c.white_balance[1]), RANGES.camera.tint),
        (lambda c: c.contrast, RANGES.camera.contrast),
        (lambda c: c.veil, RANGES.camera.veil),
        (lambda c: c.defocus, RANGES.camera.defocus),
        (lambda c: np.hypot(*c.motion), RANGES.camera.motion),
        (lambda c: c.noise, RANGES.camera.noise),
        (lambda c: c.sharpening, RANGES.camera.sharpening),
        (lambda c: c.halo_radius, RANGES.camera.halo_radius),
    ],
)
def test_cameras_by_day_cover_their_ranges(setting, limits):
    rng = np.random.default_rng(0)
    values = np.array([setting(camera.random_camera(RANGES.camera, rng, adverse=False)) for _ in range(400)])
    span = limits.high - limits.low
    assert limits.low - 1e-9 <= values.min() < limits.low + 0.1 * span
    assert limits.high - 0.1 * span < values.max() <= limits.high + 1e-9


@pytest.mark.parametrize("name", ["demosaic", "denoise", "reduced"])
def test_processing_is_as_frequent_as_the_range_says(name):
    for probability in (0.0, 1.0):
        ranges = dataclasses.replace(RANGES.camera, **{name: probability})
        rng = np.random.default_rng(0)
        assert {getattr(camera.random_camera(ranges, rng, adverse=False), name) for _ in range(20)} == {bool(probability)}


@pytest.mark.parametrize(
    ("setting", "limits"),
    [
        (lambda c: c.level, RANGES.camera.night_level),
        (lambda c: c.noise, RANGES.camera.night_noise),
        (lambda c: c.bloom, RANGES.camera.bloom),
    ],
)
def test_cameras_at_night_cover_their_ranges(setting, limits):
    rng = np.random.default_rng(0)
    cameras = [camera.random_camera(RANGES.camera, rng, adverse=True) for _ in range(400)]
    values = np.array([setting(c) for c in cameras if c.bloom])
    assert limits.low <= values.min() < values.max() <= limits.high
    assert np.ptp(values) > 0.8 * (limits.high - limits.low)


def test_infrared_and_lamps_are_as_frequent_as_the_ranges_say():
    ranges = dataclasses.replace(RANGES.camera, infrared=1.0, lamp=1.0)
    rng = np.random.default_rng(0)
    nights = [c for c in (camera.random_camera(ranges, rng, adverse=True) for _ in range(60)) if c.bloom]
    assert nights
    assert all(c.monochrome and c.lamp for c in nights)


def test_rain_is_of_its_range():
    rng = np.random.default_rng(0)
    rainy = [c for c in (camera.random_camera(RANGES.camera, rng, adverse=True) for _ in range(200)) if c.rain]
    for values, limits in (([c.rain for c in rainy], RANGES.camera.rain), ([c.veil for c in rainy], RANGES.camera.rain_veil)):
        assert limits.low <= min(values) < max(values) <= limits.high
