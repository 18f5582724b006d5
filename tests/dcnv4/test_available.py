"""What can run here, why the rest cannot, and what "auto" makes of it."""

import importlib.metadata
import sys
import types

import jax
import numpy as np
import pytest

from dcnv4_jax import api, available, cpu, deform_conv, triton
from dcnv4_jax.api import Availability


def test_without_the_library_the_reason_is_said_and_auto_takes_xla(monkeypatch, tmp_path, rng):
    monkeypatch.setattr(cpu, "LIBRARY", tmp_path / "dcnv4_cpu.so")
    monkeypatch.setattr(cpu, "unavailable", cpu.unavailable.__wrapped__)
    found = available()["cpu"]
    assert not found
    assert "without a C++ compiler" in found.reason
    arrays = rng.standard_normal((1, 3, 3, 2), np.float32), rng.standard_normal((1, 3, 3, 27), np.float32)
    assert "custom_call" not in jax.jit(lambda v, o: deform_conv(v, o, groups=1)).lower(*arrays).as_text()
    with pytest.raises(RuntimeError, match="'cpu' is not available here.*without a C\\+\\+ compiler"):
        deform_conv(*arrays, groups=1, implementation="cpu")


def test_a_library_that_does_not_load_is_absent_with_its_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(cpu, "LIBRARY", tmp_path / "dcnv4_cpu.so")
    cpu.LIBRARY.write_bytes(b"not a library")
    assert "does not load" in cpu.unavailable.__wrapped__()


def test_available_is_true_or_says_why():
    for found in available().values():
        assert bool(found) == (found.reason == "")
    assert Availability("no compiler").reason == "no compiler"


def test_a_jax_triton_that_the_installed_triton_is_too_old_for(monkeypatch):
    """It imports, with a stub in place of Triton's backend, and would fail at the first call."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    for name in ("triton", "jax_triton", "jax_triton.triton_lib"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "3.6.0")
    assert triton.unavailable.__wrapped__() == ""
    sys.modules["jax_triton.triton_lib"].cb = types.SimpleNamespace()
    assert "jax_triton cannot use triton 3.6.0" in triton.unavailable.__wrapped__()


def test_auto_warns_once_of_a_gpu_that_it_does_not_use(monkeypatch, rng):
    arrays = rng.standard_normal((1, 3, 3, 2), np.float32), rng.standard_normal((1, 3, 3, 27), np.float32)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(triton, "unavailable", lambda: "triton cannot be imported")
    api._warn_of_unused_gpu.cache_clear()
    with pytest.warns(UserWarning, match="'xla' on the GPU.*triton cannot be imported") as caught:
        deform_conv(*arrays, groups=1)
    assert caught[0].filename == __file__  # where the caller can act
    deform_conv(*arrays, groups=1)  # a second warning would be an error
    deform_conv(*arrays, groups=1, implementation="xla")
