"""readings.csv: a line per plate, written as it is read, so that what was read stays read when a run is cut short."""

from __future__ import annotations

import csv
import errno
import io
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from lpasrn_jax.escape import csv_cell
from lpasrn_jax.reading.reading import Reading

COLUMNS = ("name", "text", "confidence", "rejected", "is_plate", "layout", "frames", "source")


class ReadingsTable:
    """A CSV file of whole lines, at every moment.

    Args:
      path: of the file, which is begun anew.
      slots: characters of a plate.

    Raises:
      OSError: if it can't be written; so does `add`, and leaves the lines before as they are.
    """

    def __init__(self, path: pathlib.Path, slots: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=0)  # a buffer would write the rest of a line that did not fit later
        self._write([*COLUMNS, *(f"probability_{k + 1}" for k in range(slots))])

    def __enter__(self) -> ReadingsTable:
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def add(self, name: str, reading: Reading) -> None:
        """Write the line of a plate."""
        text, layout = csv_cell(reading.text), csv_cell(reading.layout)
        verdict = [f"{reading.confidence:.6f}", int(reading.rejected), int(reading.is_plate)]
        probabilities = (f"{probability:.6f}" for _, probability in reading.slots)
        self._write([csv_cell(name), text, *verdict, layout, reading.frames, reading.source, *probabilities])

    def _write(self, row: Sequence[Any]) -> None:
        line, end = io.StringIO(), self._file.tell()
        csv.writer(line, lineterminator="\n").writerow(row)
        content = line.getvalue().encode()
        try:
            if self._file.write(content) < len(content):  # the disk took the beginning
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
        except OSError:
            self._file.seek(end)
            self._file.truncate()
            raise
