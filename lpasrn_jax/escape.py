"""Texts by other hands, such as the names of files, made safe to store, to show on a terminal and to open in a spreadsheet."""

from __future__ import annotations

import re
import unicodedata

# A file's name is bytes. Python gives those that are not UTF-8 as U+DC80 to U+DCFF, which no file takes.
SURROGATES = re.compile("[\ud800-\udfff]")
UNSEEN = ("Cc", "Cf", "Zl", "Zp")  # control and format characters, line and paragraph separators: a terminal obeys them
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")  # a cell that begins so is computed


def storable(text: str) -> str:
    r"""The text with what is no character of UTF-8 written as `\xNN`, so that it can be encoded."""
    return SURROGATES.sub(lambda match: _surrogate(ord(match[0])), text)


def printable(text: str) -> str:
    r"""The text on one line, as a terminal shows it without obeying it: control characters as `\n`, `\x1b` or `\u202e`."""
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in UNSEEN else c for c in storable(text))


def csv_cell(text: str) -> str:
    """The text as a cell of a table: printable, with an apostrophe in front where a spreadsheet would take it for a formula."""
    return ("'" if text.startswith(FORMULA) else "") + printable(text)


def _surrogate(code: int) -> str:
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
