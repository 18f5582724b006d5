"""What SIGINT and SIGTERM do while a command is still being imported."""

from __future__ import annotations

import os
import signal

STOPPING = (signal.SIGINT, signal.SIGTERM)


def exit_on_signals() -> None:
    """From now on SIGINT and SIGTERM end the process at once, with one line on stderr and the shell's exit code for each.

    For the first lines of a script: its imports take seconds, in which there is nothing to save, and native code among them may
    swallow a KeyboardInterrupt or print it.
    """
    for number in STOPPING:
        signal.signal(number, _exit)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)  # of a process that `block_signals` was called in


def block_signals() -> None:
    """Let SIGINT and SIGTERM wait until this process, or the program that it is about to become, calls `exit_on_signals`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)


def _exit(number: int, _) -> None:
    os.write(2, f"stopped by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)
