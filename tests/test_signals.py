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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("script", ["train", "inspect_data"])
def test_a_signal_during_imports_is_one_line(script, number):
    with start("-X", "importtime", f"scripts/{script}.py", "--help") as process:
        for line in process.stderr:  # it is told of each import as it ends
            if "| " in line and line.split("|")[-1].strip() in ("absl.flags", "lpasrn_jax.runtime", "tqdm", "jax.numpy"):
                break
        process.send_signal(number)
        rest = [line for line in process.stderr if not line.startswith("import time:")]
        assert process.wait(60) == 128 + number
    assert rest == [f"stopped by {number.name}\n"]


def test_a_signal_waits_while_a_script_starts_itself_again():
    script = f"import os, sys, time\n{SCRIPT}"
    with start("-c", script) as process:
        assert process.stdout.readline() == "blocked\n"
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(60) == 128 + signal.SIGTERM
        assert time.monotonic() - began < 50
        assert process.stderr.read() == "stopped by SIGTERM\n"
