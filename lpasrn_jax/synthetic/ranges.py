"""The ranges of what matters in a synthetic track and is random: one place to read them, and one to change them.

Photographs of plates lie well inside these ranges, which are wider on purpose: networks that learn from synthetic tracks
alone meet cameras nobody photographed here. A quantity without a unit is a fraction, of what its comment says.
"""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Range:
    """Values from `low` to `high`: low + (high - low) * u ** power, with u uniform on [0, 1].

    A power above 1 favours low values: the median is low + (high - low) * 0.5 ** power.
    """

    low: float
    high: float
    power: float = 1.0

    def draw(self, rng: np.random.Generator) -> float:
        """One value."""
        return self.low + (self.high - self.low) * rng.random() ** self.power

    def signed(self, rng: np.random.Generator) -> float:
        """One value, negative half the time."""
        return self.draw(rng) * (1 if rng.random() < 0.5 else -1)


@dataclasses.dataclass(frozen=True)
class LetteringRanges:
    """Characters of one layout; measured on photographs for Brazilian, from the standard's figures for Mercosur."""

    cap_mm: Range  # height of the characters
    top_mm: Range  # their upper edge on the plate
    centre_mm: Range  # middle of the row of characters
    pitch: Range  # cap heights between the centres of neighbours
    group_pitch: Range  # the same across the dot or gap
    weight: Range  # stroke, cap heights
    width: Range  # ink of a character, cap heights
    corner: Range  # radius of a rounded corner's centre line, cap heights
    slant: Range  # of either sign: shift of the top, cap heights


BRAZILIAN = LetteringRanges(
    cap_mm=Range(60.5, 66),
    top_mm=Range(46, 53),
    centre_mm=Range(195, 205),
    pitch=Range(0.745, 0.785),
    group_pitch=Range(1.08, 1.17),
    weight=Range(0.15, 0.205),
    width=Range(0.61, 0.675),
    corner=Range(0.09, 0.17),
    slant=Range(0, 0.02, power=2),
)
MERCOSUR = LetteringRanges(
    cap_mm=Range(62, 67),
    top_mm=Range(40, 50),
    centre_mm=Range(196, 218),
    pitch=Range(0.675, 0.755),
    group_pitch=Range(0.675, 0.9, power=2),
    weight=Range(0.125, 0.185),
    width=Range(0.53, 0.64),
    corner=Range(0.1, 0.25),
    slant=Range(0, 0.02, power=2),
)
PLAIN = LetteringRanges(
    cap_mm=Range(60, 72),
    top_mm=Range(26, 36),
    centre_mm=Range(195, 205),
    pitch=Range(0.7, 0.78),
    group_pitch=Range(0.85, 1.0),
    weight=Range(0.125, 0.19),
    width=Range(0.55, 0.65),
    corner=Range(0.1, 0.25),
    slant=Range(0, 0.02, power=2),
)


@dataclasses.dataclass(frozen=True)
class PlateRanges:
    """The plate itself: sheet, paint and age. Reflectances are sRGB levels on [0, 1]."""

    brazilian: LetteringRanges = BRAZILIAN
    mercosur: LetteringRanges = MERCOSUR
    plain: LetteringRanges = PLAIN
    # Shares of the categories: sheet and ink are named in plate.py.
    brazilian_categories: tuple[tuple[str, float], ...] = (
        ("private", 0.86),  # grey, dark ink
        ("commercial", 0.06),  # red, white ink
        ("official", 0.03),  # white, black ink
        ("learner", 0.02),  # white, red ink
        ("collector", 0.01),  # black, grey ink
        ("test", 0.01),  # green, white ink
        ("diplomatic", 0.01),  # blue, white ink
    )
    mercosur_categories: tuple[tuple[str, float], ...] = (
        ("private", 0.82),  # black ink, on white as all of these
        ("commercial", 0.07),  # red
        ("official", 0.04),  # blue
        ("test", 0.03),  # green
        ("diplomatic", 0.02),  # golden
        ("collector", 0.02),  # grey
    )
    plain_shapes: float = 0.12  # probability that a Mercosur character has the shape of the older plates
    grey: Range = Range(0.58, 0.92)  # sheet of a private Brazilian plate
    white: Range = Range(0.84, 0.97)
    ink: Range = Range(0.02, 0.4, power=3)  # dark ink: black to faded grey-blue
    outline_radius_mm: Range = Range(9, 20)
    emboss: Range = Range(0, 0.45)  # strength of the light and dark edges of a pressed character
    place_mm: Range = Range(0, 1.2, power=1.5)  # of either sign: a character off its place
    film: float = 0.5  # probability of visible retroreflective film
    film_strength: Range = Range(0.01, 0.08, power=2)
    seal: float = 0.7
    bolts: float = 0.85  # each bolt
    slots: float = 0.75
    fade: Range = Range(0, 0.3, power=2.5)  # ink and sheet pulled together
    dirt: float = 0.5
    dirt_strength: Range = Range(0.05, 0.4, power=1.5)
    worn: float = 0.1  # probability that the ink has worn off in places
    bend_mm: Range = Range(0, 5, power=3)  # bow of the sheet, of either sign
    shadow: float = 0.2  # probability of a shadow's edge over the plate
    shadow_depth: Range = Range(0.15, 0.6)
    glare: float = 0.12
    glare_strength: Range = Range(0.15, 0.7)
    uneven_light: Range = Range(0, 0.2, power=1.5)  # of either sign: change across the plate
    holder: float = 0.25  # a frame around the plate
    reflectors: float = 0.12  # red reflective strips on the rim


@dataclasses.dataclass(frozen=True)
class PoseRanges:
    """Where the plate stands in a frame; margins are fractions of the plate's extent in the frame, of that axis, at each side."""

    yaw_degrees: Range = Range(0, 50, power=1.6)  # of either sign
    pitch_degrees: Range = Range(-6, 22)
    roll_degrees: Range = Range(0, 8, power=2.6)  # of either sign; of photographs the median is 1.1, 90 % are under 2.9
    distance: Range = Range(5, 22)  # from the camera, plate widths
    turn_degrees: Range = Range(0, 8, power=1.5)  # of either sign: yaw between the first frame and the last
    known_margin: Range = Range(0.01, 0.24, power=1.6)  # of frames whose corners are known
    margin: Range = Range(-0.04, 0.3, power=1.8)  # of frames that are used whole; characters are never cut
    side: Range = Range(0.6, 1.4)  # factor of each side's margin
    usual_share: float = 0.6  # of tracks that have a usual LR height
    usual_lr_height: Range = Range(17, 22)  # pixels of the frame
    lr_height: Range = Range(10, 34)  # the others
    smallest_plate: float = 9.0  # pixels of its left and right sides in an LR frame; smaller ones hold no text
    hr_height: Range = Range(44, 76)
    growth: Range = Range(0.92, 1.3)  # height of the last LR frame over that of the first


@dataclasses.dataclass(frozen=True)
class CameraRanges:
    """Optics, sensor and processing; lengths in pixels of the frame, levels in 8-bit grey levels."""

    level: Range = Range(45, 265, power=1.15)  # brightness of the plate's sheet; above 255 it is burnt out
    warmth: Range = Range(0, 0.42, power=1.7)  # of either sign: log gain of red, and of blue the other way
    tint: Range = Range(-0.14, 0.2)  # log gain of green
    contrast: Range = Range(0.8, 1.35)  # exponent of the tone curve
    veil: Range = Range(0, 0.3, power=3)  # light that lens and air scatter into the picture, of the plate's mean
    defocus: Range = Range(0.3, 1.0)  # standard deviation of LR blur
    motion: Range = Range(0, 2, power=3.5)  # smear of LR frames
    # Standard deviation in LR frames of medium brightness; in dark ones less, as a camera smooths there.
    noise: Range = Range(1, 9, power=1.1)
    reduced: float = 0.5  # probability that LR frames are larger pictures, reduced after development
    demosaic: float = 0.25  # probability that colours are interpolated at the frame's own resolution
    denoise: float = 0.15
    sharpening: Range = Range(0, 1.4, power=2)  # weight of the unsharp mask: halos
    halo_radius: Range = Range(0.6, 1.6)
    jpeg: Range = Range(35, 92, power=1.2)
    video: float = 0.3  # probability that LR frames are coded one from another, as video is
    grid_offset: float = 0.5  # probability that blocks do not begin at the frame's corner: a crop of a larger picture
    flicker: Range = Range(0, 0.12, power=1.5)  # of either sign: change of exposure between frames
    refocus: Range = Range(0, 0.3, power=1.5)  # of either sign: change of the blur between frames, of itself
    hr_defocus: Range = Range(0.15, 0.45)
    hr_motion: Range = Range(0, 0.5, power=2)
    hr_noise: Range = Range(0.1, 0.7)
    hr_jpeg: Range = Range(85, 98)  # of files that are JPEG
    # At night and in rain:
    night_level: Range = Range(30, 245)
    night_noise: Range = Range(2, 14, power=1.3)
    infrared: float = 0.35  # share of the cameras at night that see infrared
    lamp: float = 0.6  # share of the nights with a lamp on a part of the car
    bloom: Range = Range(0, 0.4)  # share of the light that spreads around bright places
    rain: Range = Range(2, 14)  # streaks for each 1000 square pixels of an LR frame
    rain_veil: Range = Range(0.02, 0.5)


@dataclasses.dataclass(frozen=True)
class Ranges:
    """All ranges of a run."""

    plate: PlateRanges = PlateRanges()
    pose: PoseRanges = PoseRanges()
    camera: CameraRanges = CameraRanges()


RANGES = Ranges()
