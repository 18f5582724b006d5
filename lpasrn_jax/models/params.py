"""Parameter trees: whether one is of the networks that it should be of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax.traverse_util import flatten_dict

from lpasrn_jax.errors import UserError

NAMED = 8  # differences that an error lists


def check_params(what: str, expected: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Compares two parameter trees by paths and shapes.

    Args:
      what: whose parameters they are, for the message.
      expected: arrays or shapes, as `PlateModel.shapes` gives them.
      given: arrays or shapes.

    Raises:
      UserError: naming what is missing, what is too much, and what has another shape.
    """
    wanted, given = flatten_dict(expected, sep="/"), flatten_dict(given, sep="/")
    wrong = [f"{path} is missing" for path in sorted(wanted.keys() - given.keys())]
    wrong += [f"{path} is unknown" for path in sorted(given.keys() - wanted.keys())]
    wrong += [
        f"{path} is {tuple(given[path].shape)}, expected {tuple(wanted[path].shape)}"
        for path in sorted(wanted.keys() & given.keys())
        if tuple(given[path].shape) != tuple(wanted[path].shape)
    ]
    if wrong:
        more = " ..." if len(wrong) > NAMED else ""
        raise UserError(f"{what}: parameters that do not fit the model: {'; '.join(wrong[:NAMED])}{more}")
