"""A server around the bundled weights, on a port of its own."""

import contextlib
import pathlib
import threading
import time

import httpx
import pytest

import lpasrn_jax as lp
from lpasrn_jax.serve import app
from lpasrn_jax.serve.limits import DEFAULT_LIMITS
from lpasrn_jax.serve.server import bind, create_server

EXAMPLES = app.STATIC / "examples"


@pytest.fixture(scope="session")
def reader():
    return lp.load("lite", device="cpu", min_confidence=0.2)


@pytest.fixture(scope="session")
def address(reader):
    with running_server(reader) as url:
        yield url


@contextlib.contextmanager
def running_server(reader, limits=DEFAULT_LIMITS):
    """The URL of a server that runs until the end of the block."""
    with bind(0) as listening:
        server = create_server(reader, limits)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        deadline = time.monotonic() + 60
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(60)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def client(address):
    with httpx.Client(base_url=address, timeout=120) as client:
        yield client


def example(name: str) -> pathlib.Path:
    return EXAMPLES / name


FIVE = tuple(EXAMPLES / f"five-00{i}.png" for i in range(1, 6))
