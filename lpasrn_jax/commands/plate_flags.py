"""The plates that a command's flags describe."""

from __future__ import annotations

from collections.abc import Sequence

from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import ALPHABET, BRAZIL, PlateFormat

LAYOUTS_HELP = "layouts of the plates as NAME=PATTERN, such as German=LLNNNN: L is a letter, N a digit, A either; a NAME alone: "
LAYOUTS_HELP += " or ".join(BRAZIL.layout_names)
KINDS_HELP = "further kinds of slot as LETTER=CHARACTERS, such as V=AEIOU for a layout VNNN"


def plate_format(layouts: Sequence[str] | None, alphabet: str = ALPHABET, kinds: Sequence[str] = ()) -> PlateFormat:
    """The format of plates with an alphabet, layouts and kinds of slot.

    Args:
      layouts: each `NAME=PATTERN`, or the name of a Brazilian layout; None for those.
      alphabet: the characters.
      kinds: each `LETTER=CHARACTERS`.

    Raises:
      UserError: for what is no such pair, and as `PlateFormat`.
    """
    known = dict(BRAZIL.layouts)
    named = {}
    for layout in layouts if layouts is not None else known:
        name, equals, pattern = layout.partition("=")
        if not name or not (equals or name in known):
            raise UserError(f"--layouts: {layout!r} found; expected NAME=PATTERN, such as German=LLNNNN, or {' or '.join(known)}")
        named[name] = pattern if equals else known[name]
    for kind in kinds:
        if "=" not in kind:
            raise UserError(f"--kinds: {kind!r} found; expected LETTER=CHARACTERS, such as V=AEIOU")
    return PlateFormat.create(alphabet, named, dict(kind.split("=", 1) for kind in kinds))
