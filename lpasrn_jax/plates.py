"""What a plate's text may look like: the alphabet, the layouts, and texts as arrays of class indices.

Everything that depends on an alphabet, a text length or a layout takes a `PlateFormat`, so another country is
another value, not another program.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHABET = DIGITS + LETTERS

LETTER, DIGIT = "L", "N"  # the two kinds of slot, as in LLLNNNN

# A layout is a line: its name and its pattern.
BRAZILIAN_LAYOUTS = {
    "Brazilian": "LLLNNNN",
    "Mercosur": "LLLNLNN",
}


@dataclasses.dataclass(frozen=True)
class PlateFormat:
    """The alphabet and the layouts of the plates that a model reads.

    Args:
      alphabet: the characters, in the order of the networks' classes.
      layouts: (name, pattern) pairs; a pattern has one `L` (letter) or `N` (digit) a slot.

    Raises:
      ValueError: for an alphabet with a repeated character or one that cannot be printed, no layout, a pattern of another kind of
        slot or of a kind that no character of the alphabet has, or patterns of different lengths.
    """

    alphabet: str = ALPHABET
    layouts: tuple[tuple[str, str], ...] = tuple(BRAZILIAN_LAYOUTS.items())

    def __post_init__(self):
        if not self.alphabet or len(set(self.alphabet)) != len(self.alphabet):
            raise ValueError(f"plates.alphabet: {self.alphabet!r} is empty or repeats a character")
        if not self.alphabet.isprintable() or " " in self.alphabet:
            raise ValueError(f"plates.alphabet: {self.alphabet!r} has a character that cannot be seen in print")
        if not self.layouts:
            raise ValueError("plates.layouts: no layout; give at least one, such as {'Brazilian': 'LLLNNNN'}")
        for name, pattern in self.layouts:
            if not pattern or set(pattern) - {LETTER, DIGIT}:
                raise ValueError(f"plates.layouts[{name!r}]: {pattern!r} is not made of {LETTER} (letter) and {DIGIT} (digit)")
            lacking = [kind for kind in (LETTER, DIGIT) if kind in pattern and not self.kind_mask(kind).any()]
            if lacking:
                kind = {LETTER: "letter", DIGIT: "digit"}[lacking[0]]
                raise ValueError(
                    f"plates.layouts[{name!r}]: {pattern!r} has a {kind}, but the alphabet {self.alphabet!r} has none"
                )
        if len({len(pattern) for _, pattern in self.layouts}) > 1:
            raise ValueError(f"plates.layouts: patterns of different lengths {dict(self.layouts)}; one model reads one length")

    @classmethod
    def create(cls, alphabet: str, layouts: Mapping[str, str]) -> PlateFormat:
        """The format of a config's `plates` section."""
        return cls(alphabet, tuple(layouts.items()))

    def config(self) -> dict[str, Any]:
        """The `plates` section that `create` takes."""
        return {"alphabet": self.alphabet, "layouts": dict(self.layouts)}

    @property
    def length(self) -> int:
        """Number of slots k."""
        return len(self.layouts[0][1])

    @property
    def layout_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.layouts)

    def layout_index(self, name: str) -> int:
        """The place of a layout among the layouts; its name may be in any case, but the exact one comes first.

        Raises:
          ValueError: for an unknown name.
        """
        if name in self.layout_names:
            return self.layout_names.index(name)
        for i, known in enumerate(self.layout_names):
            if known.casefold() == name.casefold():
                return i
        raise ValueError(f"layout: {name!r} is unknown; expected one of {', '.join(self.layout_names)}")

    def encode(self, text: str) -> np.ndarray:
        """Class indices, int32 [k], of a text of k characters.

        Raises:
          ValueError: for another length, or a character outside the alphabet.
        """
        if len(text) != self.length:
            raise ValueError(f"plate text {text!r} has {len(text)} characters; expected {self.length}")
        strange = [c for c in text if c not in self.alphabet]
        if strange:
            raise ValueError(f"plate text {text!r}: character {strange[0]!r} is outside the alphabet {self.alphabet}")
        return np.array([self.alphabet.index(c) for c in text], np.int32)

    def decode(self, classes: Sequence[int] | np.ndarray) -> str:
        """The text of class indices [k]; the inverse of `encode`."""
        return "".join(self.alphabet[int(c)] for c in classes)

    def kind_mask(self, kind: str) -> np.ndarray:
        """bool [v]: the classes that may stand in a slot of that kind (`L` or `N`)."""
        return np.array([c.isdigit() == (kind == DIGIT) for c in self.alphabet])

    def layout_masks(self) -> np.ndarray:
        """bool [layouts, k, v]: True where a layout allows the character in the slot."""
        return np.array([[self.kind_mask(kind) for kind in pattern] for _, pattern in self.layouts])

    def fits(self, text: str, layout: str) -> bool:
        """Whether each character of `text` is of the kind that `layout` has in its slot."""
        mask = self.layout_masks()[self.layout_index(layout)]
        return bool(mask[np.arange(self.length), self.encode(text)].all())


BRAZIL = PlateFormat()
