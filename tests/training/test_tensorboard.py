"""TensorBoard's port, that it answers, and what it shows of a run."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from lpasrn_jax.commands.training_flags import load_config
from lpasrn_jax.synthetic.tracks import write_tracks
from lpasrn_jax.training import tensorboard as module
from lpasrn_jax.training.loop import train_and_evaluate
from lpasrn_jax.training.tensorboard import free_port, tensorboard

CARDS = "train/(l1_)?loss|val/(char_acc|psnr|pictures)$"  # of the documentation's picture


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


def missing(port: int, plugin: str, run: str, tags: set[str]) -> set[str]:
    """Which tags of a run a plugin of TensorBoard does not show within a minute; it reads the events every few seconds."""
    for _ in range(120):
        with urllib.request.urlopen(f"http://localhost:{port}/data/plugin/{plugin}/tags") as response:
            left = tags - set(json.load(response).get(run, ()))
        if not left:
            break
        time.sleep(0.5)
    return left


def test_it_shows_the_figures_and_pictures_of_one_stage_after_the_other(tiny_stage, tmp_path):
    with tensorboard(tmp_path, free_port(6100)) as port:
        assert answers(port)
        for number, name in enumerate(("pretrain", "warmup")):
            train_and_evaluate(tiny_stage(number), str(tmp_path))
            scalars = {"train/loss", "train/learning_rate", "val/char_acc", "val/word_acc", "performance/images_per_second"}
            assert not missing(port, "scalars", name, scalars)
            assert not missing(port, "images", name, {"val/pictures", "val/confusions"})
        assert not missing(port, "scalars", "pretrain", {"train/loss"})  # still


@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # ml_collections loads config files with it
def test_screenshot_for_the_documentation(browser, tmp_path, request):
    folder = request.config.getoption("--screenshots")
    if folder is None:
        pytest.skip("no --screenshots=DIR given")
    write_tracks(tmp_path / "tracks", 80, seed=5)
    with tensorboard(tmp_path / "run", free_port(6100)) as port:
        for number, epochs in enumerate((8, 4)):
            config = load_config(f"configs/stage{number}.py:quick", [f"--config.data.root={tmp_path}/tracks"])
            config.stage.epochs, config.train.log_every_steps, config.data.val_split = epochs, 4, 0.1
            train_and_evaluate(config, str(tmp_path / "run"))
        assert not missing(port, "images", "warmup", {"val/pictures"})
        page = browser.new_page(viewport={"width": 1500, "height": 1100})
        page.goto(f"http://localhost:{port}/?darkMode=false#timeseries")
        page.get_by_role("combobox", name="Filter tags (regex)").fill(CARDS)
        page.mouse.click(700, 30)  # closes the list of proposed tags
        page.wait_for_timeout(8000)
        page.screenshot(path=f"{folder}/tensorboard.png")
