"""Training as a person types it: what the two scripts print, leave and exit with."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import time
from typing import NamedTuple

import pytest

from lpasrn_jax.data import lp_tracks
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.weights.orbax import load_checkpoint
from tests import small_networks
from tests.data.damage import write_damaged_set
from tests.job import free_port
from tests.terminal import ROOT, assert_one_line, command, run

GENERATOR_ALONE = [  # stage 1 without the OCR that stage 0 has trained
    *small_networks.GENERATOR,
    "--config.stage.networks=('generator',)",
    "--config.stage.frozen=()",
    "--config.stage.after.name=",
    "--config.train.best_metrics=('psnr',)",
]


def stage_1(workdir, root="data/train", tfds_dir=None):
    """The arguments of scripts/train.py for stage 1 at its smallest."""
    data = [f"--config.data.root={root}", f"--config.data.tfds_dir={tfds_dir or workdir.parent / 'tfds'}"]
    return ["--config=configs/stage1.py:quick", *GENERATOR_ALONE, *data, f"--workdir={workdir}"]


def train(workdir, *arguments, root="data/train", board="--tensorboard=false"):
    return run("train", *stage_1(workdir, root), board, *arguments)


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
    assert load_checkpoint(tmp_path / "run/warmup/last").step > 0  # a few steps need not make it better


def test_strict_mode_stops_at_the_first_bad_track(damaged, tmp_path):
    root, _ = damaged
    assert_one_line(train(tmp_path / "run", "--config.data.strict=True", root=root), "track_.*data.strict")


@pytest.mark.parametrize(("arguments", "message"), [
    (["--config.data.root=nowhere"], "data.root: nowhere does not exist; make tracks with `python scripts/make_tracks.py"),
    (["--config.model.depth=3"], "--config.model.depth=3: the config has no key 'depth'; configs/base.py and"),
    (["--config.modle.features=3"], "--config.modle.features=3: the config has no key 'modle'; did you mean 'model'"),
    (["--config.model.features=many"], "--config.model.features=many: invalid literal"),
    (["--config=configs/stage9.py"], "configs/stage9.py"),
    (["--config=configs/stage1.py:slow"], "config preset 'slow' found; expected :quick, :FILE.yaml, or nothing"),
    (["--epochs=3"], "Unknown command line flag 'epochs'"),
    (["--coordinator=localhost:1234"], "--num_processes=0"),
    (["--workdir=/dev/null/run"], "--workdir=/dev/null/run: cannot be written .* choose a folder that can"),
])  # fmt: skip
def test_what_is_wrong_with_a_command_is_one_line(arguments, message, tmp_path):
    assert_one_line(train(tmp_path / "run", *arguments), message)


def test_sigterm_saves_and_exits_with_0(tracks_root, tfds_dir, tmp_path):
    arguments = [*stage_1(tmp_path / "run", tracks_root, tfds_dir), "--config.stage.epochs=100000", "--tensorboard=false"]
    process = subprocess.Popen(command("train", *arguments), cwd=ROOT)
    try:
        first = tmp_path / "run/warmup/best"  # the first epoch has ended
        wait_for(first, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(100) == 0
    finally:
        process.kill()
    assert load_checkpoint(tmp_path / "run/warmup/last").step >= load_checkpoint(first).step > 0


def test_two_processes_train_one_model_stop_at_the_same_step_and_one_continues(tracks_root, tfds_dir, tmp_path):
    arguments = [*stage_1(tmp_path / "run", tracks_root, tfds_dir), "--tensorboard=false"]
    together = [*arguments, "--config.stage.epochs=100000", f"--coordinator=localhost:{free_port()}", "--num_processes=2"]
    job = [
        subprocess.Popen(command("train", *together, f"--process_id={i}"), cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for i in range(2)
    ]
    try:
        wait_for(tmp_path / "run/warmup/best", job[0])
        job[1].send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=100)[0] for process in job]
    finally:
        for process in job:
            process.kill()
    assert [process.returncode for process in job] == [0, 0]
    assert "stopped before its end" in said[0]
    assert not any(line.startswith(("step ", "warmup")) for line in said[1].splitlines())
    last = tmp_path / "run/warmup/last"
    assert sorted(file.name for file in last.glob("data/process_*")) == ["process_0-of-2.json", "process_1-of-2.json"]
    stopped_at = load_checkpoint(last).step
    tracks = lp_tracks.prepare(tracks_root, BRAZIL, tfds_dir=tfds_dir, val_split=0.2)
    steps_per_epoch = len(tracks.train) * 5 // 16
    epochs = stopped_at // steps_per_epoch + 1
    result = run("train", *arguments, f"--config.stage.epochs={epochs}")
    assert result.returncode == 0, result.stderr
    assert load_checkpoint(last).step == epochs * steps_per_epoch > stopped_at
    assert next(last.glob("data/process_*")).name == "process_0-of-1.json"


def all_small(root, tfds_dir, workdir):
    """The arguments of scripts/train_progressive.py for stages of one epoch at their smallest."""
    data = [f"--config.data.root={root}", f"--config.data.tfds_dir={tfds_dir}"]
    return [
        "--preset=quick",
        *small_networks.ALL,
        *data,
        "--config.stage.epochs=1",
        f"--workdir={workdir}",
        "--tensorboard=false",
    ]


class StoppedRun(NamedTuple):
    """A run of all stages that was stopped in the first, and begun again by the same command."""

    workdir: pathlib.Path
    exit_codes: tuple[int, int]
    begun: set[str]  # of the stages, when it was stopped
    stopped_at: int  # step of the first stage


@pytest.fixture(scope="module")
def stopped_run(tracks_root, tfds_dir, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("stages") / "run"
    whole = command("train_progressive", "--stage=all", *all_small(tracks_root, tfds_dir, workdir))
    process = subprocess.Popen(whole, cwd=ROOT)
    try:
        wait_for(workdir / "pretrain/checkpoints/0", process)  # the first step comes next, and must be compiled
        process.send_signal(signal.SIGTERM)
        first_code = process.wait(200)
    finally:
        process.kill()
    begun = {path.name for path in workdir.glob("*/")} - {"best"}
    stopped_at = load_checkpoint(workdir / "pretrain/last").step
    return StoppedRun(workdir, (first_code, subprocess.run(whole, cwd=ROOT, timeout=900).returncode), begun, stopped_at)


def test_sigterm_stops_all_stages_and_the_same_command_continues(stopped_run):
    assert stopped_run.exit_codes == (0, 0)
    assert stopped_run.begun == {"pretrain"}
    assert 0 < stopped_run.stopped_at < load_checkpoint(stopped_run.workdir / "pretrain/last").step


def test_the_stages_run_in_turn_and_the_last_one_is_the_best(stopped_run):
    assert os.readlink(stopped_run.workdir / "best") == "hard_mining/best"
    led = []
    for name in ("pretrain", "warmup", "lcofl", "finetune", "hard_mining"):
        last, best = (load_checkpoint(stopped_run.workdir / name / link) for link in ("last", "best"))
        assert last.config["lineage"] == [*led, name]
        led = best.config["lineage"]


def test_a_stage_without_the_one_before_names_the_command_that_comes_first_before_it_looks_for_data(tmp_path):
    result = run("train_progressive", "--stage=1", *all_small("nowhere", tmp_path / "tfds", tmp_path / "run"))
    first = f"python scripts/train.py --config configs/stage0.py --workdir {tmp_path}/run"
    assert_one_line(result, f"/pretrain/best: not found; .* First run `{first}`")
    assert not (tmp_path / "tfds").exists()
    assert not list(tmp_path.glob("run/*/checkpoints/*"))


@pytest.mark.parametrize(("arguments", "message"), [
    (["--stage=7"], "--stage=7: value should be one of <0|1|2|3|4|track|all|all+track>"),
    ([], "Flag --stage must have a value"),
    (["--stage=all", "--config.stage.epoch=3"], "--config.stage.epoch=3: the config has no key 'epoch'; did you mean 'epochs'?"),
    (["--stage=all", "--config.stage.lr", "fast"], "--config.stage.lr=fast: could not convert string to float"),
    (["--stage=4", "--preset=slow"], "config preset 'slow' found; expected :quick, :FILE.yaml, or nothing"),
    (["--stage=4", "--preset=nowhere.yaml"], "nowhere.yaml: can't be read (No such file or directory)"),
    (["--stage=4", "quick"], "'quick' is no flag"),
])  # fmt: skip
def test_what_is_wrong_with_the_stages_is_said_before_anything_is_trained(arguments, message, tmp_path):
    workdir = tmp_path / "run"
    assert_one_line(run("train_progressive", f"--workdir={workdir}", *arguments), re.escape(message))
    assert not workdir.exists()


def wait_for(path, process):
    """Until there is something at `path`, or the process has ended."""
    deadline = time.monotonic() + 200
    while not path.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
