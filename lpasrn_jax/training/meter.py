"""How fast training goes, what it waits for, and how much memory it takes."""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Iterator

import jax

STATUS = pathlib.Path("/proc/self/status")  # Linux
MEBI = 2**20


class StepMeter:
    """Figures of the steps between two readings.

    Args:
      images_per_step: of the whole job.
    """

    def __init__(self, images_per_step: int):
        self._images_per_step = images_per_step
        self._compiled = False
        self.restart()

    def restart(self) -> None:
        """Forget the steps since the last reading: something else took part of their time."""
        self._steps, self._waited, self._since = 0, 0.0, time.monotonic()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what waits for data."""
        before = time.monotonic()
        yield
        self._waited += time.monotonic() - before

    def step(self) -> None:
        """Take note of a step; the first, which compiles, counts for nothing."""
        self._steps += 1
        if not self._compiled:
            self._compiled = True
            self.restart()

    def read(self) -> dict[str, float]:
        """The figures since the last reading: images per second, milliseconds per step and of it for data, MiB of memory."""
        figures = {f"memory/{name}": value for name, value in memory().items()}
        elapsed = time.monotonic() - self._since
        if self._steps:
            figures |= {
                "performance/images_per_second": self._steps * self._images_per_step / elapsed,
                "performance/step_ms": 1e3 * elapsed / self._steps,
                "performance/data_wait_ms": 1e3 * self._waited / self._steps,
            }
        self.restart()
        return figures


def memory() -> dict[str, float]:
    """MiB of this process (`host`) and of its devices together (`device`, `device_peak`), as far as either is told."""
    figures = {}
    if STATUS.exists():
        kibi = next(line.split()[1] for line in STATUS.read_text().splitlines() if line.startswith("VmRSS:"))
        figures["host_mib"] = int(kibi) * 1024 / MEBI
    statistics = [device.memory_stats() for device in jax.local_devices()]
    if all(statistics):
        figures["device_mib"] = sum(one["bytes_in_use"] for one in statistics) / MEBI
        figures["device_peak_mib"] = sum(one.get("peak_bytes_in_use", one["bytes_in_use"]) for one in statistics) / MEBI
    return figures
