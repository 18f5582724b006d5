"""The commands as a person types them: what they print, leave and exit with."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from lpasrn_jax.weights.orbax import load_checkpoint
from tests.data.damage import write_damaged_set

ROOT = pathlib.Path(__file__).parents[1]
TINY = [
    "--config=configs/stage1.py:quick",
    "--config.model.features=8",
    "--config.model.num_rrdb_blocks=1",
    "--config.model.use_deformable=False",
    "--config.model.use_character_attention=False",
    "--config.data.lr_size=(8, 24)",
    "--config.data.augment.enabled=False",
    "--config.data.val_split=0.2",
]


def command(script, *arguments):
    return [sys.executable, f"scripts/{script}.py", *map(str, arguments)]


def run(script, *arguments, **options):
    return subprocess.run(command(script, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=300, **options)


def train(workdir, *arguments, root="data/train", board="--tensorboard=false"):
    tfds_dir = f"--config.data.tfds_dir={workdir.parent / 'tfds'}"
    return run("train", *TINY, f"--config.data.root={root}", tfds_dir, f"--workdir={workdir}", board, *arguments)


def assert_one_line(result, pattern):
    """Exit code 2 and one line on stderr that says what is wrong."""
    assert result.returncode == 2, result.stderr
    assert re.fullmatch(f"error: [^\n]*{pattern}[^\n]*\n", result.stderr), result.stderr


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    root = tmp_path_factory.mktemp("damaged")
    return root, write_damaged_set(root)


def test_a_damaged_folder_trains_all_the_same_and_names_each_bad_track(damaged, tmp_path):
    root, reasons = damaged
    assert len(reasons) >= 12
    with socket.socket() as listener:  # and TensorBoard finds its port taken
        listener.bind(("localhost", 0))
        listener.listen()
        port = listener.getsockname()[1]
        result = train(
            tmp_path / "run",
            "--config.stage.epochs=1",
            "--config.train.batch_size=4",
            f"--tensorboard_port={port}",
            root=root,
            board="--tensorboard=true",
        )
    assert result.returncode == 0, result.stderr
    assert f"port {port} is in use" in result.stdout
    for track, reason in reasons.items():
        assert re.search(f"bad track {re.escape(track)}: .*{reason}", result.stderr), track
    assert load_checkpoint(tmp_path / "run/best").step > 0


def test_strict_mode_stops_at_the_first_bad_track(damaged, tmp_path):
    root, _ = damaged
    assert_one_line(train(tmp_path / "run", "--config.data.strict=True", root=root), "track_.*data.strict")


@pytest.mark.parametrize(("arguments", "message"), [
    (["--config.data.root=nowhere"], "data.root: nowhere does not exist; make tracks with `python scripts/make_tracks.py"),
    (["--config.model.depth=3"], "--config.model.depth=3: the config has no key 'depth'"),
    (["--config.modle.features=3"], "--config.modle.features=3: the config has no key 'modle'"),
    (["--config.model.features=many"], "--config.model.features=many: invalid literal"),
    (["--config=configs/stage9.py"], "configs/stage9.py"),
    (["--config=configs/stage1.py:slow"], "config preset 'slow' found; expected :quick"),
    (["--epochs=3"], "Unknown command line flag 'epochs'"),
    (["--coordinator=localhost:1234"], "--num_processes=0"),
    (["--workdir=/dev/null/run"], "--workdir=/dev/null/run: cannot be written .* choose a folder that can"),
])  # fmt: skip
def test_what_is_wrong_with_a_command_is_one_line(arguments, message, tmp_path):
    assert_one_line(train(tmp_path / "run", *arguments), message)


def test_sigterm_saves_and_exits_with_0(tracks_root, tmp_path):
    arguments = [*TINY, f"--config.data.root={tracks_root}", f"--config.data.tfds_dir={tmp_path}", f"--workdir={tmp_path}/run"]
    process = subprocess.Popen(command("train", *arguments, "--config.stage.epochs=100000", "--tensorboard=false"), cwd=ROOT)
    try:
        first = tmp_path / "run/warmup/best"  # the first epoch has ended
        wait_for(first, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(100) == 0
    finally:
        process.kill()
    assert load_checkpoint(tmp_path / "run/warmup/last").step >= load_checkpoint(first).step > 0


def test_two_processes_train_one_model_and_stop_at_the_same_step(tracks_root, tmp_path):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    arguments = [*TINY, f"--config.data.root={tracks_root}", f"--config.data.tfds_dir={tmp_path}", f"--workdir={tmp_path}/run"]
    arguments += ["--config.stage.epochs=100000", "--tensorboard=false", f"--coordinator=localhost:{port}", "--num_processes=2"]
    job = [subprocess.Popen(command("train", *arguments, f"--process_id={i}"), cwd=ROOT) for i in range(2)]
    try:
        wait_for(tmp_path / "run/warmup/best", job[0])
        job[1].send_signal(signal.SIGTERM)
        assert [process.wait(100) for process in job] == [0, 0]
    finally:
        for process in job:
            process.kill()
    saved = tmp_path / "run/warmup/last/data"
    assert sorted(file.name for file in saved.glob("process_*")) == ["process_0-of-2.json", "process_1-of-2.json"]


def wait_for(path, process):
    """Until there is something at `path`, or the process has ended."""
    deadline = time.monotonic() + 200
    while not path.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)


def test_evaluate_prints_its_figures_and_names_its_report(trained, tracks_root, tmp_path):
    result = run(
        "evaluate",
        "--checkpoint",
        trained / "best",
        "--data-root",
        tracks_root,
        "--out",
        tmp_path / "out",
        "--tfds-dir",
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert re.search(r"psnr  bicubic \d+\.\d+  SR \d+\.\d+\nssim", result.stdout)
    assert (tmp_path / "out/report.md").exists()


def test_evaluate_says_in_one_line_that_there_is_no_checkpoint(tmp_path):
    assert_one_line(run("evaluate", "--checkpoint", tmp_path, "--data-root", "data"), "not a checkpoint")


def test_every_script_explains_itself():
    for script in sorted(ROOT.glob("scripts/*.py")):
        result = run(script.stem, "--help", env={**os.environ, "COLUMNS": "120"})
        assert script.stem in result.stdout, script
