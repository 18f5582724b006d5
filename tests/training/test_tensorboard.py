"""TensorBoard's port, and that it answers."""

import socket
import time
import urllib.error
import urllib.request

import pytest

from lpasrn_jax.training import tensorboard as module
from lpasrn_jax.training.tensorboard import free_port, tensorboard


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_passed_over(taken_port):
    assert free_port(taken_port) > taken_port


def test_all_ports_taken(taken_port, monkeypatch):
    monkeypatch.setattr(module, "PORTS_TRIED", 1)
    with pytest.raises(OSError, match=f"{taken_port}.*in use"):
        free_port(taken_port)


def test_it_starts_on_the_next_port_says_so_and_ends(tmp_path, taken_port, capsys):
    with tensorboard(tmp_path, taken_port) as port:
        assert answers(port)
    printed = capsys.readouterr().out
    assert f"port {taken_port} is in use" in printed
    assert f"http://localhost:{port}" in printed
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://localhost:{port}/")


def answers(port: int) -> bool:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/") as response:
                return response.status == 200
        except urllib.error.URLError:
            time.sleep(0.2)
    return False
