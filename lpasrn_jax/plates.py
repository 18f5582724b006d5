"""What a plate's text may look like: the alphabet, the layouts, and texts as arrays of class indices.

Everything that depends on an alphabet, a text length or a layout takes a `PlateFormat`, so another country is
another value, not another program.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lpasrn_jax.errors import UserError
from lpasrn_jax.wording import counted

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHABET = DIGITS + LETTERS

LETTER, DIGIT, EITHER = "L", "N", "A"  # the kinds of slot that every format knows, as in LLLNNNN
UNUSED = "_"  # how a slot without a character is shown where slots are named one by one

# A layout is a line: its name and its pattern.
BRAZILIAN_LAYOUTS = {
    "Brazilian": "LLLNNNN",
    "Mercosur": "LLLNLNN",
}


@dataclasses.dataclass(frozen=True)
class PlateFormat:
    """The alphabet and the layouts of the plates that a model reads.

    Layouts may differ in length. Then texts have as many slots k as the longest, those that a plate does not use come last, and
    one more class, the last, stands for "no character here".

    Args:
      alphabet: the characters, in the order of the networks' classes.
      layouts: (name, pattern) pairs; a pattern has a kind per slot: `L` (letter), `N` (digit), `A` (either), or one of `kinds`.
      kinds: (kind, characters) pairs: further kinds of slot, each one capital letter, and the characters that may stand there.

    Raises:
      UserError: for an alphabet with a repeated character or one that cannot be printed, no layout, a pattern with a kind of slot
        that is unknown or that no character of the alphabet has, or a kind that has another meaning or none.
    """

    alphabet: str = ALPHABET
    layouts: tuple[tuple[str, str], ...] = tuple(BRAZILIAN_LAYOUTS.items())
    kinds: tuple[tuple[str, str], ...] = ()

    def __post_init__(self):
        if not self.alphabet or len(set(self.alphabet)) != len(self.alphabet):
            raise UserError(f"plates.alphabet: {self.alphabet!r} is empty or repeats a character")
        if not self.alphabet.isprintable() or " " in self.alphabet:
            raise UserError(f"plates.alphabet: {self.alphabet!r} has a character that cannot be seen in print")
        if not self.layouts:
            raise UserError("plates.layouts: no layout; give at least one, such as {'Brazilian': 'LLLNNNN'}")
        for kind, characters in self.kinds:
            self._check_kind(kind, characters)
        for name, pattern in self.layouts:
            self._check_layout(name, pattern)
        if self.has_unused and UNUSED in self.alphabet:
            raise UserError(f"plates.alphabet: {UNUSED!r} stands for a slot without a character, where layouts differ in length")

    def _check_kind(self, kind: str, characters: str) -> None:
        if not (len(kind) == 1 and kind in LETTERS) or kind in (LETTER, DIGIT, EITHER):
            taken = f"{LETTER}, {DIGIT} and {EITHER} mean letter, digit and either"
            raise UserError(f"plates.kinds: {kind!r} found; expected one capital letter ({taken})")
        if not characters or set(characters) - set(self.alphabet):
            raise UserError(
                f"plates.kinds[{kind!r}]: {characters!r} found; expected characters of the alphabet {self.alphabet!r}"
            )

    def _check_layout(self, name: str, pattern: str) -> None:
        known = {LETTER: "letter", DIGIT: "digit", EITHER: "either", **dict(self.kinds)}
        if not pattern or set(pattern) - known.keys():
            expected = ", ".join(f"{kind} ({meaning})" for kind, meaning in known.items())
            raise UserError(f"plates.layouts[{name!r}]: {pattern!r} is not made of {expected}")
        for kind in pattern:
            if not self.kind_mask(kind).any():
                raise UserError(
                    f"plates.layouts[{name!r}]: {pattern!r} has a {known[kind]}, but the alphabet {self.alphabet!r} has none"
                )

    @classmethod
    def create(cls, alphabet: str, layouts: Mapping[str, str], kinds: Mapping[str, str] | None = None) -> PlateFormat:
        """The format of a config's `plates` section."""
        return cls(alphabet, tuple(layouts.items()), tuple((kinds or {}).items()))

    def config(self) -> dict[str, Any]:
        """The `plates` section that `create` takes."""
        return {"alphabet": self.alphabet, "layouts": dict(self.layouts), "kinds": dict(self.kinds)}

    @property
    def length(self) -> int:
        """Number of slots k: characters of the longest layout."""
        return max(len(pattern) for _, pattern in self.layouts)

    @property
    def has_unused(self) -> bool:
        """Whether a plate may leave slots without a character."""
        return len({len(pattern) for _, pattern in self.layouts}) > 1

    @property
    def labels(self) -> str:
        """A sign for each class v of a slot: the alphabet and, where a slot may be unused, `UNUSED`."""
        return self.alphabet + UNUSED * self.has_unused

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
        """Class indices, int32 [k], of a text; unused slots have the last class.

        Raises:
          ValueError: for a length that no layout has, or a character outside the alphabet.
        """
        lengths = sorted({len(pattern) for _, pattern in self.layouts})
        if len(text) not in lengths:
            expected = " or ".join(map(str, lengths))
            raise ValueError(f"plate text {text!r} has {counted(len(text), 'character')}; expected {expected}")
        strange = [c for c in text if c not in self.alphabet]
        if strange:
            raise ValueError(f"plate text {text!r}: character {strange[0]!r} is outside the alphabet {self.alphabet}")
        return np.array([self.labels.index(c) for c in text.ljust(self.length, UNUSED)], np.int32)

    def decode(self, classes: Sequence[int] | np.ndarray) -> str:
        """The text of class indices [k]; the inverse of `encode`."""
        return "".join(self.alphabet[int(c)] for c in classes if c < len(self.alphabet))

    def kind_mask(self, kind: str) -> np.ndarray:
        """bool [v]: the classes that may stand in a slot of that kind, `UNUSED` for a slot without a character."""
        if kind == UNUSED:
            return np.array([c == UNUSED for c in self.labels])
        of_kind = dict(self.kinds).get(kind, self.alphabet)
        fits = {DIGIT: str.isdigit, LETTER: lambda c: not c.isdigit()}.get(kind, lambda c: c in of_kind)
        return np.array([c in self.alphabet and fits(c) for c in self.labels])

    def layout_masks(self) -> np.ndarray:
        """bool [layouts, k, v]: True where a layout allows the class in the slot."""
        padded = (pattern.ljust(self.length, UNUSED) for _, pattern in self.layouts)
        return np.array([[self.kind_mask(kind) for kind in pattern] for pattern in padded])

    def fits(self, text: str, layout: str) -> bool:
        """Whether `text` has the length of `layout`, and each character is of the kind that it has in its slot."""
        pattern = dict(self.layouts)[self.layout_names[self.layout_index(layout)]]
        if len(text) != len(pattern) or set(text) - set(self.alphabet):
            return False
        return all(self.kind_mask(kind)[self.alphabet.index(c)] for kind, c in zip(pattern, text, strict=True))

    def neighbours_alike(self, pattern: str) -> int:
        """How many neighbours of a pattern's slots may hold the same character."""
        masks = [self.kind_mask(kind) for kind in pattern]
        return sum(bool((a & b).any()) for a, b in itertools.pairwise(masks))


BRAZIL = PlateFormat()
