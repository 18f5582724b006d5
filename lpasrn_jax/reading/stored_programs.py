"""Compiled programs in files: what one process has compiled, the next one loads.

JAX's compilation cache saves the compiling alone. Tracing the networks and lowering them comes before it, and takes most of the
time from the start of a process to its first reading.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import pickle
import platform
import secrets
from collections.abc import Callable
from typing import Any

import flax
import jax
import jaxlib
import numpy as np
from jax.experimental import serialize_executable

import dcnv4_jax
from lpasrn_jax import runtime
from lpasrn_jax.weights.bundle import write_atomically

PACKAGES = pathlib.Path(__file__).parents[1], pathlib.Path(dcnv4_jax.__file__).parent
CPU_INFO = pathlib.Path("/proc/cpuinfo")
WRITABLE_BY_OTHERS = 0o022


class StoredProgram:
    """A function of parameters and arrays as compiled programs, one for each set of shapes.

    Where JAX's compilation cache is this package's, `runtime.cache_folder`, programs for CPUs are stored and loaded beside it.
    What cannot be loaded or stored is compiled anew. A stored program is code, as an entry of JAX's cache is: only what this
    user owns, and nobody else can write, is loaded.

    Args:
      function: of the parameters and the arrays, pure, to be jitted.
      params: on their device; all calls take them.
      identity: names the function and all that it was built from but the sources of these packages: two functions of one
        identity must compute the same.
    """

    def __init__(self, function: Callable[..., Any], params: Any, identity: str):
        self._function = function
        self._params = params
        self._identity = identity
        self._programs: dict[Any, Callable[..., Any]] = {}

    def __call__(self, *arrays: np.ndarray) -> Any:
        shapes = tuple((array.shape, array.dtype.str) for array in arrays)
        if shapes not in self._programs:
            self._programs[shapes] = self._program(arrays)
        return self._programs[shapes](self._params, *arrays)

    def _program(self, arrays: tuple[np.ndarray, ...]) -> Callable[..., Any]:
        devices = sorted({device for leaf in jax.tree.leaves(self._params) for device in leaf.devices()}, key=str)
        folder = _folder()
        if folder is None or any(device.platform != "cpu" for device in devices):
            return jax.jit(self._function)
        described = jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), (self._params, arrays))
        key = hashlib.sha256("\n".join((_environment(), self._identity, str(devices), str(described))).encode()).hexdigest()
        path = folder / f"{key}.program"
        return _load(path, devices) or self._compile(path, devices, arrays)

    def _compile(self, path: pathlib.Path, devices: list[jax.Device], arrays: tuple[np.ndarray, ...]) -> Callable[..., Any]:
        function = functools.partial(self._function)
        # A program that comes from JAX's cache cannot be stored again; its name makes it another there when it is not here.
        function.__name__ = f"stored_{path.stem[:16]}{'_' + secrets.token_hex(4) if path.exists() else ''}"
        compiled = jax.jit(function).lower(self._params, *arrays).compile()
        with contextlib.suppress(Exception):  # no place for it, or a program of a kind that cannot be stored
            content = pickle.dumps(serialize_executable.serialize(compiled))
            results = (program(self._params, *arrays) for program in (compiled, _loaded(content, devices)))
            if jax.tree.all(jax.tree.map(lambda *pair: np.array_equal(*pair, equal_nan=True), *results)):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_atomically(path, content)
        return compiled


def _folder() -> pathlib.Path | None:
    """Where programs are stored; None where JAX's cache is off or elsewhere, or others can write there."""
    folder = runtime.cache_folder()
    used = jax.config.jax_enable_compilation_cache and jax.config.jax_compilation_cache_dir == str(folder)
    programs = folder / "programs"
    return programs if used and (_is_own(programs) or not programs.exists()) else None


@functools.cache
def _environment() -> str:
    """All that a compiled program depends on beside the function: sources, versions, options and the processor."""
    sources = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted(package.rglob("*.py")):
            sources.update(file.read_bytes())
    versions = [f"{module.__name__} {module.__version__}" for module in (jax, jaxlib, flax)]
    options = sorted(f"{name}={value}" for name, value in jax.config.values.items() if "cache" not in name)
    processor = [platform.machine(), platform.processor()]
    if CPU_INFO.exists():
        processor += sorted({line for line in CPU_INFO.read_text().splitlines() if line.startswith(("flags", "Features"))})
    return "\n".join([sources.hexdigest(), *versions, *options, os.environ.get("XLA_FLAGS", ""), *processor])


def _is_own(path: pathlib.Path) -> bool:
    """Whether a path is there, this user's, and writable for nobody else."""
    with contextlib.suppress(OSError):
        stat = path.stat()
        return stat.st_uid == os.getuid() and not stat.st_mode & WRITABLE_BY_OTHERS
    return False


def _load(path: pathlib.Path, devices: list[jax.Device]) -> Callable[..., Any] | None:
    """The program in a file; None if there is none, or none to be trusted, or it is damaged."""
    with contextlib.suppress(Exception):  # whatever pickle and XLA make of a damaged file
        if _is_own(path):
            dcnv4_jax.available()  # registers the kernels that the program calls
            return _loaded(path.read_bytes(), devices)
    return None


def _loaded(content: bytes, devices: list[jax.Device]) -> Callable[..., Any]:
    return serialize_executable.deserialize_and_load(*pickle.loads(content), execution_devices=devices)
