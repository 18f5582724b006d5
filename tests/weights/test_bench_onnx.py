"""The benchmark of the ONNX program, where jax2onnx is installed: `make test-onnx`."""

import re
import sys

import pytest

from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import random_bundle


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # jax2onnx calls what JAX no longer wants called
def test_it_prints_size_differences_and_times(tmp_path, monkeypatch, capsys):
    pytest.importorskip("jax2onnx", reason="needs jax2onnx, in an environment of its own: make onnx")
    from lpasrn_jax.commands import bench_onnx

    weights = str(save_bundle(tmp_path / "small", random_bundle()))
    monkeypatch.setattr(sys, "argv", ["bench_onnx", "--weights", weights, "--rounds", "1"])
    bench_onnx.main()
    assert re.search(r"\| [\d.]+ \| \S+e-\d\d / \S+e-\d\d \| [\d.]+ \| [\d.]+ \|", capsys.readouterr().out)
