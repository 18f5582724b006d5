"""Processes that share one device: they compile side by side, and take it in turn to be timed.

Triton compiles in Python, of which only one thread of a process runs at a time: threads would not do.
"""

import concurrent.futures
import contextlib
import multiprocessing
import os

_turn: contextlib.AbstractContextManager = contextlib.nullcontext()  # in a process of a pool, the lock that they share


def pool() -> concurrent.futures.ProcessPoolExecutor:
    """A pool of processes, for functions that can be pickled; at most 12, since each has a context of its own on the device."""
    spawn = multiprocessing.get_context("spawn")  # JAX has threads, and a fork of them may hang
    count = min(12, os.cpu_count() or 1)
    return concurrent.futures.ProcessPoolExecutor(count, spawn, initializer=_share, initargs=(spawn.Lock(),))


def turn() -> contextlib.AbstractContextManager:
    """To be held while times are taken: no other process of the pool holds it then. Nothing outside a pool."""
    return _turn


def _share(lock: contextlib.AbstractContextManager) -> None:
    global _turn
    _turn = lock
