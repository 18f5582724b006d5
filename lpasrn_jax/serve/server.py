"""The server: a port of this machine's own address, the reader, the application."""

from __future__ import annotations

import os
import socket
import webbrowser

import numpy as np
import uvicorn

from lpasrn_jax.errors import UserError
from lpasrn_jax.reading.reader import Reader
from lpasrn_jax.serve.app import create_app
from lpasrn_jax.serve.limits import DEFAULT_LIMITS, Limits

ADDRESS = "127.0.0.1"  # other machines never reach it
DEFAULT_PORT = 8018
SHUTDOWN_SECONDS = 10  # that requests have to end in


def serve(reader: Reader, *, port: int = DEFAULT_PORT, limits: Limits = DEFAULT_LIMITS, open_browser: bool = False) -> None:
    """Serves the page until Ctrl-C or SIGTERM.

    Args:
      reader: reads and enhances.
      port: 0 takes any that is free.
      limits: of a request.
      open_browser: show the page.

    Raises:
      UserError: for a port that is in use or may not be used.
    """
    with bind(port) as listening:
        _warm_up(reader)
        listening.listen()  # who reads the address may call it at once
        address = f"http://{ADDRESS}:{listening.getsockname()[1]}"
        print(f"{address}   (Ctrl-C ends it; nothing that is sent to it is stored)", flush=True)
        if open_browser:
            webbrowser.open(address)
        create_server(reader, limits).run(sockets=[listening])


def create_server(reader: Reader, limits: Limits = DEFAULT_LIMITS) -> uvicorn.Server:
    """The server, to be run on a socket of `bind`."""
    config = uvicorn.Config(
        create_app(reader, limits),
        log_level="warning",
        ws="none",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)


def bind(port: int) -> socket.socket:
    """A socket of this machine's own address.

    Raises:
      UserError: if it cannot be had.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise UserError(f"--port={port}: cannot be used ({reason}); choose another, or 0 for any that is free") from error
    return listening


def _warm_up(reader: Reader) -> None:
    """Compiles the usual programs, so that the first visitor need not wait for them."""
    frames = np.zeros((5, *reader.lr_size, 3), np.uint8)
    if reader.reads:
        reader.read(frames[0])
        reader.read_track(frames)
    if reader.enhances:
        reader.enhance(frames[0])
    if reader.fuses:
        reader.enhance_track(frames)
