"""A server around the bundled weights, on a port of its own, and a browser to look at its page with."""

import contextlib
import pathlib
import shutil
import threading
import time

import httpx
import pytest

import lpasrn_jax as lp
from lpasrn_jax.serve import app
from lpasrn_jax.serve.limits import DEFAULT_LIMITS
from lpasrn_jax.serve.server import bind, create_server

EXAMPLES = app.STATIC / "examples"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


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


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; it is in the extra dev")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH; Debian has it as `apt-get install chromium`")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


def example(name: str) -> pathlib.Path:
    return EXAMPLES / name


FIVE = tuple(EXAMPLES / f"five-00{i}.png" for i in range(1, 6))
