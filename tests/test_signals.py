"""SIGINT and SIGTERM in the seconds of a script's imports end it with one line."""

import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# As a script begins; then says that it has, and imports for a second what native code is in.
SCRIPT = """
from lpasrn_jax import signals
if sys.argv[1:]:
    signals.exit_on_signals()
    print("ready", flush=True)
    time.sleep(60)
signals.block_signals()
print("blocked", flush=True)
time.sleep(1)
os.execv(sys.executable, [sys.executable, "-c", *sys.orig_argv[2:3], "again"])
"""


def start(*command):
    return subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# Arguments with which each program imports what it needs and can write nothing, and a module that it imports after others.
COMMANDS = {
    "scripts/bench.py": (["reading", "--help"], "subprocess"),
    "scripts/convert_torch.py": (["nothing.pth", "nothing"], "jax.numpy"),
    "scripts/enhance.py": (["nothing.png", "-o", "nothing"], "jax.numpy"),
    "scripts/evaluate.py": (["--data-root=nothing"], "jax.numpy"),
    "scripts/export.py": (["--checkpoint=nothing", "--out=/dev/null/nothing"], "jax.numpy"),
    "scripts/inspect_data.py": (["--help"], "tqdm"),
    "scripts/make_examples.py": (["--help"], "cv2"),
    "scripts/make_tracks.py": (["--out=/dev/null/nothing"], "numpy"),
    "scripts/train.py": (["--help"], "absl.flags"),
    "scripts/train_progressive.py": (["--help"], "absl.flags"),
    "-mlpasrn_jax": (["read", "nothing.png"], "jax.numpy"),
}


def test_there_are_arguments_for_every_script():
    assert {name for name in COMMANDS if not name.startswith("-")} == {
        f"scripts/{file.name}" for file in ROOT.glob("scripts/*.py")
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("program", COMMANDS)
def test_a_signal_during_imports_is_one_line(program, number):
    arguments, imported = COMMANDS[program]
    with start("-X", "importtime", program, *arguments) as process:
        for line in process.stderr:  # it is told of each import as it ends
            if "| " in line and line.split("|")[-1].strip() == imported:
                break
        process.send_signal(number)
        rest = [line for line in process.stderr if not line.startswith("import time:")]
        assert process.wait(60) == 128 + number
    assert rest == [f"stopped by {number.name}\n"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("where", "left"), [("work", "cleaned up\n"), ("_xla_gc_callback", "")])
def test_a_signal_during_the_work_is_one_line_and_cleans_up_unless_it_would_be_swallowed(number, where, left):
    script = f"""
import os, time
from lpasrn_jax.signals import raise_on_signals
def {where}():
    os.kill(os.getpid(), {number:d})
    time.sleep(60)
with raise_on_signals():
    try:
        {where}()
    finally:
        print("cleaned up", flush=True)
"""
    with start("-c", script) as process:
        assert process.wait(60) == 128 + number
        assert (process.stdout.read(), process.stderr.read()) == (left, f"stopped by {number.name}\n")


def test_a_process_that_is_forked_says_nothing():
    script = """
import os, signal, time
from lpasrn_jax.signals import raise_on_signals
with raise_on_signals():
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    else:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
"""
    with start("-c", script) as process:
        assert process.wait(60) == 0
        assert (process.stdout.read(), process.stderr.read()) == (f"{128 + signal.SIGTERM}\n", "")


def test_a_signal_waits_while_a_script_starts_itself_again():
    script = f"import os, sys, time\n{SCRIPT}"
    with start("-c", script) as process:
        assert process.stdout.readline() == "blocked\n"
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(60) == 128 + signal.SIGTERM
        assert time.monotonic() - began < 50
        assert process.stderr.read() == "stopped by SIGTERM\n"
