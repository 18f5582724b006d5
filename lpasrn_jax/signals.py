"""What SIGINT and SIGTERM do to a command: one line on stderr and the shell's exit code, whatever it is doing."""

from __future__ import annotations

import contextlib
import os
import signal
import types
from collections.abc import Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM)
# Where an exception would be swallowed or printed: imports, in whose native code it may get lost, and JAX's callback of Python's
# garbage collector, out of which no exception comes.
IMPORTS, CALLBACK = "<frozen importlib._bootstrap>", "_xla_gc_callback"


def exit_on_signals() -> None:
    """From now on SIGINT and SIGTERM end the process at once, with one line on stderr and the shell's exit code for each.

    For the first lines of a script: its imports take seconds, in which there is nothing to save, and native code among them may
    swallow a KeyboardInterrupt or print it.
    """
    for number in STOPPING:
        signal.signal(number, _exit)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)  # of a process that `block_signals` was called in


@contextlib.contextmanager
def raise_on_signals() -> Iterator[None]:
    """Inside, SIGINT and SIGTERM raise SystemExit once they have written their line, so that no file is left half-written.

    During imports they end the process at once. Processes that are forked inside write no line.
    """
    process = os.getpid()

    def stop(number: int, frame: types.FrameType | None) -> None:
        if os.getpid() != process:
            os._exit(128 + number)
        if _swallows(frame):
            _exit(number, frame)
        _tell(number)
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def block_signals() -> None:
    """Let SIGINT and SIGTERM wait until this process, or the program that it is about to become, calls `exit_on_signals`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)


def _swallows(frame: types.FrameType | None) -> bool:
    """Whether an exception that is raised in a frame may not come out of it."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTS or frame.f_code.co_name == CALLBACK:
            return True
        frame = frame.f_back
    return False


def _exit(number: int, _) -> None:
    _tell(number)
    os._exit(128 + number)


def _tell(number: int) -> None:
    os.write(2, f"stopped by {signal.Signals(number).name}\n".encode())
