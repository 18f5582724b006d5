"""Which tracks a run makes: scenario, layout and text of each, before anything is rendered."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import BRAZIL, PlateFormat
from lpasrn_jax.synthetic.glyphs import MANDATORY
from lpasrn_jax.wording import counted


@dataclasses.dataclass(frozen=True)
class Scenario:
    """How a scenario's frames are taken and kept: weather, file type, and whether the corners are known."""

    adverse: bool
    extension: str
    corners: bool


SCENARIOS = {
    "Scenario-A": Scenario(adverse=False, extension="png", corners=True),
    "Scenario-B": Scenario(adverse=True, extension="jpg", corners=False),
}
DEFAULT_SHARES = {"Scenario-A": 0.75, "Scenario-B": 0.25}


@dataclasses.dataclass(frozen=True)
class TrackPlan:
    """What is decided before a track is rendered; numbers start at 1 and are unique in a root."""

    number: int
    scenario: str
    layout: str
    pattern: str
    text: str

    @property
    def folder(self) -> str:
        return f"{self.scenario}/{self.layout}/track_{self.number:05d}"


def plan_tracks(
    num_tracks: int,
    *,
    seed: int,
    scenarios: Mapping[str, float] = DEFAULT_SHARES,
    layouts: Sequence[str] | None = None,
    plate_format: PlateFormat = BRAZIL,
) -> list[TrackPlan]:
    """The plans of a run, whose texts are all different; a longer run begins with the plans of a shorter one.

    Args:
      num_tracks: how many.
      seed: draws the texts.
      scenarios: share of each scenario of `SCENARIOS`; they add up to 1.
      layouts: names of `plate_format`'s layouts, which take turns; None for all.
      plate_format: the texts that may occur.

    Raises:
      UserError: for an argument that cannot be met.
    """
    layouts = tuple(plate_format.layout_names if layouts is None else layouts)
    _check_request(num_tracks, seed, scenarios, layouts, plate_format)
    rng = np.random.default_rng([seed])
    counts: dict[str, int] = dict.fromkeys(scenarios, 0)
    texts: set[str] = set()
    plans = []
    for number in range(1, num_tracks + 1):
        # The scenario furthest behind its share, then its layouts in turn.
        scenario = max(scenarios, key=lambda name: scenarios[name] * number - counts[name])
        layout = layouts[counts[scenario] % len(layouts)]
        counts[scenario] += 1
        pattern = dict(plate_format.layouts)[layout]
        text = _random_text(pattern, plate_format, rng)
        while text in texts:
            text = _random_text(pattern, plate_format, rng)
        texts.add(text)
        plans.append(TrackPlan(number, scenario, layout, pattern, text))
    return plans


def _check_request(
    num_tracks: int, seed: int, scenarios: Mapping[str, float], layouts: Sequence[str], plate_format: PlateFormat
) -> None:
    if num_tracks < 1:
        raise UserError(f"tracks: {num_tracks}; expected 1 or more")
    if seed < 0:
        raise UserError(f"seed: {seed}; expected 0 or more")
    for name in scenarios:
        if name not in SCENARIOS:
            raise UserError(f"scenarios: {name!r} is unknown; expected {' or '.join(SCENARIOS)}")
    if not all(0 <= share <= 1 for share in scenarios.values()) or abs(sum(scenarios.values()) - 1) > 1e-6:
        raise UserError(f"scenarios: shares {dict(scenarios)}; expected each from 0 to 1, and 1 in all")
    strange = sorted(set(plate_format.alphabet) - set(MANDATORY))
    if strange:
        raise UserError(f"plates.alphabet: no glyph for {''.join(strange)!r}; synthetic plates have A to Z and 0 to 9")
    if not layouts:
        raise UserError("layouts: none given; expected one or more, or None for all")
    for layout in layouts:
        if layout not in plate_format.layout_names:
            raise UserError(f"layouts: {layout!r} is unknown; expected {' or '.join(plate_format.layout_names)}")
        pattern = dict(plate_format.layouts)[layout]
        possible = math.prod(int(plate_format.kind_mask(kind).sum()) for kind in pattern)
        if possible < 2 * num_tracks:  # with fewer to spare, drawing until a text is new takes long
            texts, tracks = counted(possible, "text"), counted(possible // 2, "track")
            raise UserError(f"tracks: {num_tracks}; layout {layout!r} has {texts}, enough for {tracks}")


def _random_text(pattern: str, plate_format: PlateFormat, rng: np.random.Generator) -> str:
    return plate_format.decode([rng.choice(np.flatnonzero(plate_format.kind_mask(kind))) for kind in pattern])
