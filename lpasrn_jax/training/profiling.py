"""A profiler trace of a few training steps."""

from __future__ import annotations

import pathlib
from typing import Any

import jax

from lpasrn_jax.escape import printable

SKIPPED, TRACED = 10, 10  # steps: first those that compile and fill caches, then those that are traced


class StepProfile:
    """Traces ten steps with `jax.profiler`, after the first ten.

    Args:
      directory: where the trace goes: TensorBoard with its profile plugin, XProf and Perfetto open it.
      first_step: steps done before.
    """

    def __init__(self, directory: pathlib.Path, first_step: int):
        self._directory = directory
        self._start, self._stop = first_step + SKIPPED, first_step + SKIPPED + TRACED
        self._running = False

    def after(self, step: int, result: Any) -> None:
        """Call after each step with one of its outputs."""
        if step == self._start:
            jax.block_until_ready(result)
            jax.profiler.start_trace(str(self._directory))
            self._running = True
        elif step == self._stop and self._running:
            jax.block_until_ready(result)
            self.close()

    def close(self) -> None:
        """End a trace that is still running."""
        if self._running:
            jax.profiler.stop_trace()
            self._running = False
            print(printable(f"profile of {TRACED} steps: {self._directory}"), flush=True)
