"""TensorBoard beside a run, on the first free port."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import subprocess
import sys

HOST = "localhost"

# On Linux, TensorBoard ends with its parent, even if that is killed. The child requests it itself, since code between fork and
# exec may wait forever for a lock of another thread. 1 is PR_SET_PDEATHSIG.
CHILD = """\
import ctypes, os, runpy, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv.pop(1)):
    raise SystemExit
runpy.run_module("tensorboard.main", run_name="__main__", alter_sys=True)
"""
PORTS_TRIED = 100


def free_port(first: int, host: str = HOST) -> int:
    """The first free port of a host, from `first` on.

    Raises:
      OSError: if a hundred ports in a row are in use.
    """
    for port in range(first, first + PORTS_TRIED):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return port
    raise OSError(f"ports {first} to {first + PORTS_TRIED - 1} are all in use")


@contextlib.contextmanager
def tensorboard(logdir: pathlib.Path, first_port: int, host: str = HOST):
    """Runs TensorBoard on `logdir` while the context is open, and prints its address.

    Args:
      logdir: the folder in which all stages of a run write their events.
      first_port: the first port to try.
      host: the name or address to listen on; 0.0.0.0 for all interfaces, which others can then reach.
    """
    port = free_port(first_port, host)
    if port != first_port:
        print(f"port {first_port} is in use; TensorBoard takes {port}")
    flags = [f"--logdir={logdir}", f"--host={host}", f"--port={port}"]
    command = [sys.executable, "-c", CHILD, str(os.getpid()), *flags]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"TensorBoard: http://{host}:{port}", flush=True)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()
