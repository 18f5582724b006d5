"""Values that no field of a JSON file should have."""

from __future__ import annotations

from typing import Any

import numpy as np

JUNK: tuple[Any, ...] = (
    None, True, -1, 0, 1, 3, 2**31, 2**70, 1e9, 1e-320, float("nan"), float("inf"), "", "x", "\x1b[2J", "float64", [], [[]],
    [1, 2], [1e9], ["a"] * 40, {}, {"a": {}}, [None], "9" * 5000, [0.5] * 100,
)  # fmt: skip


def change_somewhere(fields: dict[str, Any], rng: np.random.Generator) -> None:
    """Puts junk in the place of one value, at any depth, removes it or adds another."""
    place = fields
    while True:
        names = list(place)
        name = names[rng.integers(len(names))] if names else "x"
        if isinstance(place.get(name), dict) and place[name] and rng.random() < 0.9:
            place = place[name]
            continue
        if rng.random() < 0.2:
            place.pop(name, None)
        else:
            place[name if rng.random() < 0.9 else "another"] = JUNK[rng.integers(len(JUNK))]
        return
