"""TensorBoard's port, and that it answers."""

import socket
import subprocess
import sys
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


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not end a child with its parent")
def test_it_ends_with_a_trainer_that_is_killed(tmp_path, taken_port):
    trainer = (
        "import pathlib, sys, time; from lpasrn_jax.training.tensorboard import tensorboard\n"
        "with tensorboard(pathlib.Path(sys.argv[1]), int(sys.argv[2])) as port: print('port', port, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", trainer, str(tmp_path), str(taken_port + 1)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        port = next(int(line.split()[1]) for line in process.stdout if line.startswith("port "))
        assert answers(port)
        process.kill()
    assert ends(port)


def ends(port: int) -> bool:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("localhost", port)):
                return True
        time.sleep(0.1)
    return False
