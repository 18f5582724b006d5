"""Which split a plate belongs to.

By its text, unless a list says otherwise: images of one plate are near-duplicates, so all of them go into the same split.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Sequence
from typing import Literal

from lpasrn_jax.errors import UserError

Split = Literal["train", "val"]


def split_of(text: str, val_split: float) -> Split:
    """The split of a plate text: the same on every machine and in every set, and independent of other texts.

    A text in `val` stays there if `val_split` grows.

    Args:
      text: the plate's text.
      val_split: the share of all texts, in [0, 1], that is for validation.

    Raises:
      ValueError: for a `val_split` outside [0, 1].
    """
    if not 0 <= val_split <= 1:
        raise ValueError(f"data.val_split: {val_split} found; expected a number from 0 to 1")
    digest = hashlib.sha256(text.encode()).digest()
    return "val" if int.from_bytes(digest[:8], "big") < val_split * 2**64 else "train"


def listed_tracks(path: str | os.PathLike[str], names: Sequence[str]) -> frozenset[int]:
    """Indices into `names` of the tracks that a file lists, one per line; empty lines and those that begin with # are skipped.

    A line is the path of a track's folder: relative to the root, with folders above the root, or only its last part or parts if
    they are unique.

    Args:
      path: of the file.
      names: of the tracks: their folders relative to the root.

    Raises:
      UserError: for a file that can't be read or lists nothing, a track that is not there, and a line that fits several.
    """
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"data.val_list: {path} can't be read ({error}); expected a text file, one track per line") from error
    endings: dict[tuple[str, ...], list[int]] = {}
    for place, name in enumerate(names):
        parts = pathlib.PurePosixPath(name).parts
        for start in range(len(parts)):
            endings.setdefault(parts[start:], []).append(place)
    listed = set()
    for number, line in enumerate(lines, start=1):
        parts = pathlib.PurePosixPath(line.strip()).parts
        if not parts or line.lstrip().startswith("#"):
            continue
        places = next((endings[parts[start:]] for start in range(len(parts)) if parts[start:] in endings), [])
        if len(places) != 1:
            reason = f"fits {len(places)} tracks; give more of its path" if places else "is no track of data.root"
            raise UserError(f"data.val_list: {path}, line {number}: {line.strip()!r} {reason}")
        listed.add(places[0])
    if not listed:
        raise UserError(f"data.val_list: {path} lists no track; expected one per line")
    return frozenset(listed)
