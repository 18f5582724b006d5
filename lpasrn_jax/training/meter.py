"""Training speed, time spent waiting for data, and memory use."""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Iterator

import jax

STATUS = pathlib.Path("/proc/self/status")  # Linux
MEBI = 2**20


class StepMeter:
    """Figures of the steps between two calls of `read`.

    Args:
      images_per_step: of the whole job, over all processes.
    """

    def __init__(self, images_per_step: int):
        self._images_per_step = images_per_step
        self._compiled = False
        self.restart()

    def restart(self) -> None:
        """Discard the steps since the last `read`, because other work took part of their time."""
        self._steps, self._waited, self._since = 0, 0.0, time.monotonic()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Context for code that waits for data."""
        before = time.monotonic()
        yield
        self._waited += time.monotonic() - before

    def step(self) -> None:
        """Count a step; the first one, which compiles, is not counted."""
        self._steps += 1
        if not self._compiled:
            self._compiled = True
            self.restart()

    def read(self) -> dict[str, float]:
        """Figures since the last call: images per second, milliseconds per step, of these waiting for data, and memory in MiB."""
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
    """Memory in MiB of this process (`host`) and of all its devices (`device`, `device_peak`), where available."""
    figures = {}
    if STATUS.exists():
        kibi = next(line.split()[1] for line in STATUS.read_text().splitlines() if line.startswith("VmRSS:"))
        figures["host_mib"] = int(kibi) * 1024 / MEBI
    statistics = [device.memory_stats() for device in jax.local_devices()]
    if all(statistics):
        figures["device_mib"] = sum(one["bytes_in_use"] for one in statistics) / MEBI
        figures["device_peak_mib"] = sum(one.get("peak_bytes_in_use", one["bytes_in_use"]) for one in statistics) / MEBI
    return figures
