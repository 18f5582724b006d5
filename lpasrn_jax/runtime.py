"""What a process sets up once before it computes: memory, the compilation cache, the processes of a job, the mesh of devices."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import pathlib
import re
import sys
from collections.abc import Mapping

import jax
import numpy as np
import platformdirs
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lpasrn_jax.errors import UserError
from lpasrn_jax.signals import block_signals

DATA_AXIS = "data"
TUNABLES = "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1"  # of training


def restart_with_tuned_malloc() -> None:
    """Start this script again with its memory in huge pages and in one arena, unless GLIBC_TUNABLES is set, as after the restart.

    The script must begin with `exit_on_signals`: SIGINT and SIGTERM wait until then.

    XLA maps its temporaries anew at each step, on a CPU hundreds of megabytes. Faulting them in by pages of 4 KiB takes a quarter
    of a training step. With an arena for each of its many threads, what one of them frees is no use to the others, and the
    process grows for as long as it trains. glibc's malloc reads the variable when the process starts.
    """
    if sys.platform != "linux" or "GLIBC_TUNABLES" in os.environ:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ["GLIBC_TUNABLES"] = TUNABLES
    block_signals()  # their handlers end here; the script sets them anew as it begins
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def release_memory() -> None:
    """Give memory that is free back to the system, where the C library can, which is glibc.

    Steps, validations and saves leave gaps in malloc's memory that the next ones seldom fit into: what is in use stays the same
    over thousands of steps while the process is a tenth larger at one time than at another, and grows.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)


def cache_folder() -> pathlib.Path:
    """Where programs are kept between runs if nobody says where else; may be deleted at any time."""
    return platformdirs.user_cache_path("lpasrn_jax", appauthor=False) / f"xla-{jax.__version__}"


def enable_compilation_cache() -> None:
    """Keep every compiled program between runs, in JAX_COMPILATION_CACHE_DIR or `cache_folder`.

    JAX_ENABLE_COMPILATION_CACHE=false turns the cache off; where the folder cannot be made, programs are compiled anew.
    """
    # The address of a partitioning callback, dcnv4_jax's among them, is another in each process; leave it out of the key.
    jax.config.update("jax_remove_custom_partitioning_ptr_from_cache_key", True)
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)  # many small programs take a second, too
    if jax.config.jax_compilation_cache_dir:
        return
    folder = cache_folder()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(folder))


def initialize_distributed(coordinator: str = "", num_processes: int = 0, process_id: int = -1) -> None:
    """Join the job's other processes, if a launcher says that there are any.

    Flags win; otherwise JAX asks Slurm, Kubernetes or the JAX_COORDINATOR_ADDRESS variable. Without any of these nothing is done.

    Raises:
      UserError: for a coordinator without a number of processes and an id, and on Kubernetes without its Python package.
    """
    if coordinator:
        if num_processes < 1 or not 0 <= process_id < num_processes:
            raise UserError(
                f"--coordinator={coordinator} with --num_processes={num_processes} --process_id={process_id}: "
                "give the number of processes, and an id from 0 to one less"
            )
        jax.distributed.initialize(coordinator, num_processes, process_id)
        return
    launcher = launched_by(os.environ)
    if launcher == "Kubernetes" and importlib.util.find_spec("kubernetes") is None:
        raise UserError(
            "this pod is part of a job, but the package kubernetes, which tells who the others are, is not installed; "
            "pip install 'lpasrn-jax[k8s]', or give --coordinator, --num_processes and --process_id"
        )
    if launcher:
        jax.distributed.initialize(local_device_ids=slurm_devices(os.environ) if launcher == "Slurm" else None)


def launched_by(environment: Mapping[str, str]) -> str:
    """The launcher whose variables say that this process is one of several: `Slurm`, `Kubernetes`, `JAX` or none, ""."""
    if int(environment.get("SLURM_NTASKS", "1")) > 1 and "SLURM_STEP_ID" in environment:
        return "Slurm"
    if "KUBERNETES_SERVICE_HOST" in environment and "JOB_COMPLETION_INDEX" in environment:
        return "Kubernetes"
    return "JAX" if "JAX_COORDINATOR_ADDRESS" in environment else ""


def slurm_devices(environment: Mapping[str, str]) -> list[int] | None:
    """The GPUs that this task of a Slurm job step uses, as places in CUDA_VISIBLE_DEVICES; None where JAX's own choice is right.

    JAX gives task n of a node its n-th GPU. That is wrong for a task that is alone on its node, which has them all, and for one
    to which Slurm shows no other GPU than its own.
    """
    visible = [device for device in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if device]
    alone = _tasks_per_node(environment.get("SLURM_STEP_TASKS_PER_NODE", ""), int(environment.get("SLURM_NODEID", "0"))) == 1
    return list(range(len(visible))) if visible and (alone or len(visible) == 1) else None


def _tasks_per_node(counts: str, node: int) -> int | None:
    """Of Slurm's list such as 4(x2),3, which is [4, 4, 3], the number of that node."""
    tasks = [int(count) for count, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", counts) for _ in range(int(times or 1))]
    return tasks[node] if node < len(tasks) else None


def is_first_process() -> bool:
    """Whether this process is the one of its job that shows and writes what one alone should."""
    return jax.process_index() == 0


def data_mesh() -> Mesh:
    """All devices of all processes along one axis, `data`."""
    return Mesh(np.array(jax.devices()), (DATA_AXIS,))


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Examples spread over the devices, one slice of the batch per device."""
    return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def replicated(mesh: Mesh) -> NamedSharding:
    """The same value on each device."""
    return NamedSharding(mesh, PartitionSpec())
