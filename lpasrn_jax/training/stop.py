"""Stopping between two steps on a signal from the operating system."""

from __future__ import annotations

import signal

import jax
from jax.experimental import multihost_utils


class StopRequest:
    """While the context is open, records the first SIGTERM or SIGINT; a second one kills the process as usual.

    In a job of several processes JAX handles SIGTERM itself and agrees on the step at which all processes save and stop.
    """

    def __init__(self):
        self._received = False
        self._previous = {}

    def __enter__(self) -> StopRequest:
        if jax.process_count() > 1:
            return self
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_) -> None:
        self._restore()

    def _receive(self, *_) -> None:
        self._received = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def at(self, step: int) -> bool:
        """Whether to save and stop after `step`."""
        if jax.process_count() > 1:
            return multihost_utils.reached_preemption_sync_point(step)
        return self._received
