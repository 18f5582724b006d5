"""What a process sets up before it computes, and gives back."""

import ctypes
import os
import pathlib
import resource
import subprocess
import sys

import pytest

from lpasrn_jax import runtime
from lpasrn_jax.errors import UserError

SCRIPT = """
import os, sys
from lpasrn_jax import runtime
print("started")
runtime.restart_with_tuned_malloc()
print(os.environ["GLIBC_TUNABLES"], sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is Linux's")
@pytest.mark.parametrize(("tunables", "starts", "found"), [
    (None, 2, runtime.TUNABLES),
    ("glibc.malloc.check=0", 1, "glibc.malloc.check=0"),
], ids=["not set", "set by the user"])  # fmt: skip
def test_restarts_once_with_its_malloc_tuned_and_the_same_arguments(tmp_path, tunables, starts, found):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    environment |= {"GLIBC_TUNABLES": tunables} if tunables else {}
    done = subprocess.run(
        [sys.executable, str(script), "--a=b c", "d"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["started"] * starts + [f"{found} ['--a=b c', 'd']"]


STEP = {"SLURM_NTASKS": "8", "SLURM_STEP_ID": "0"}


@pytest.mark.parametrize(("environment", "launcher"), [
    ({}, ""),
    (STEP, "Slurm"),
    ({**STEP, "SLURM_NTASKS": "1"}, ""),
    ({"SLURM_NTASKS": "8"}, ""),  # in the batch script, outside a step
    ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "1"}, "Kubernetes"),
    ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, ""),  # a pod that is no part of an indexed job
    ({"JAX_COORDINATOR_ADDRESS": "host:1234"}, "JAX"),
])  # fmt: skip
def test_a_job_is_known_by_its_launcher_s_variables(environment, launcher):
    assert runtime.launched_by(environment) == launcher


@pytest.mark.parametrize(("tasks", "node", "visible", "devices"), [
    ("4(x2)", "1", "0,1,2,3", None),  # a task per GPU: JAX takes the one of its local number
    ("1(x2)", "1", "0,1,2,3", [0, 1, 2, 3]),  # a task per node has them all
    ("4(x2)", "0", "2", [0]),  # bound to its own GPU, it sees one
    ("2,1", "1", "4,5", [0, 1]),
    ("2,1", "0", "4,5", None),
    ("1(x2)", "0", "", None),  # no GPU
])  # fmt: skip
def test_a_slurm_task_uses_the_gpus_that_are_its_own(tasks, node, visible, devices):
    environment = {"SLURM_STEP_TASKS_PER_NODE": tasks, "SLURM_NODEID": node, "CUDA_VISIBLE_DEVICES": visible}
    assert runtime.slurm_devices(environment) == devices


def test_a_pod_without_the_package_that_knows_the_others(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"the package kubernetes.*lpasrn-jax\[k8s\].*--coordinator"):
        runtime.initialize_distributed()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc, whose malloc keeps what lies below a gap")
def test_memory_below_what_is_in_use_is_given_back():
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    size, count = 64 * 1024, 2000  # too small for pages of their own
    blocks = [libc.malloc(size) for _ in range(count)]
    for block in blocks:
        ctypes.memset(block, 1, size)
    *freed, above = blocks
    for block in freed:
        libc.free(block)
    before = resident_bytes()
    runtime.release_memory()
    assert resident_bytes() < before - 0.5 * count * size
    libc.free(above)


def resident_bytes() -> int:
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
