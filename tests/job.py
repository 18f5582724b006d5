"""A training in processes of its own, as many as a test asks for, each with so many devices."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import signal
import socket
import time

import ml_collections

PATIENCE = 20.0  # seconds that a process gets to notice that another of its job has died, before it is ended, as launchers do


class Job:
    """Trains a stage in `processes` processes with `devices` CPU devices each; they are forked from one with all imports done."""

    def __init__(self, config: ml_collections.ConfigDict, workdir: pathlib.Path, *, processes: int = 1, devices: int = 1):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["lpasrn_jax.training.loop"])
        coordinator = f"localhost:{free_port()}" if processes > 1 else ""
        log = workdir.with_name(f"{workdir.name}.log")
        shared = (config.to_dict(), str(workdir), devices, coordinator, processes)
        self.processes = [context.Process(target=_train, args=(*shared, i, f"{log}.{i}")) for i in range(processes)]
        for process in self.processes:
            process.start()

    def is_alive(self) -> bool:
        """Whether all of its processes are."""
        return all(process.is_alive() for process in self.processes)

    def finish(self) -> int:
        """Waits for the end of all processes, or for the failure of one; the number of those that failed."""
        while self.is_alive():
            time.sleep(0.01)
        self._end()
        return sum(process.exitcode != 0 for process in self.processes)

    def kill(self, numbers: list[int]) -> None:
        """SIGKILL to some of its processes; the others have `PATIENCE` to end by themselves."""
        for number in numbers:
            os.kill(self.processes[number].pid, signal.SIGKILL)
        self._end()

    def _end(self) -> None:
        deadline = time.monotonic() + PATIENCE
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def _train(config: dict, workdir: str, devices: int, coordinator: str, processes: int, number: int, log: str) -> None:
    import jax

    from lpasrn_jax import runtime
    from lpasrn_jax.training.loop import train_and_evaluate

    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
    os.dup2(1, 2)
    jax.config.update("jax_num_cpu_devices", devices)
    runtime.initialize_distributed(coordinator, processes, number)
    runtime.enable_compilation_cache()
    train_and_evaluate(ml_collections.ConfigDict(config), workdir)
