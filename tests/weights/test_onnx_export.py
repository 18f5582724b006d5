"""ONNX programs, where jax2onnx is installed: `make test-onnx`."""

import importlib.util
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax.errors import UserError
from lpasrn_jax.weights import onnx_export
from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import part, random_bundle

there = importlib.util.find_spec("jax2onnx") is not None
needs_jax2onnx = pytest.mark.skipif(not there, reason="needs jax2onnx, in an environment of its own: make onnx")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # jax2onnx calls what JAX no longer wants called
AS_BUNDLED = {"skip": "bicubic", "use_deformable": True, "light_sigma": 0.25, "median_limit": 12.0}  # the bundled ones
EXAMPLE = pathlib.Path(__file__).parents[2] / "examples/read_onnx.py"


@pytest.mark.skipif(there, reason="is about an environment without jax2onnx")
def test_without_jax2onnx_it_says_what_to_do(tmp_path):
    bundle = random_bundle()
    with pytest.raises(UserError, match="jax2onnx.*make onnx"):
        onnx_export.write_onnx(tmp_path / "a.onnx", bundle.model, bundle.params, 1.0)
    assert not list(tmp_path.iterdir())


@needs_jax2onnx
@pytest.mark.parametrize("model", [{}, AS_BUNDLED])
def test_the_program_computes_what_the_model_does_and_the_example_reads_with_it(model, tmp_path, rng, monkeypatch):
    from PIL import Image

    bundle = random_bundle(**model)
    differences = onnx_export.write_onnx(tmp_path / "a.onnx", bundle.model, bundle.params, 1.0)
    assert max(differences.values()) < 1e-3
    Image.fromarray(rng.integers(0, 256, (8, 24, 3), np.uint8)).save(tmp_path / "plate.png")
    command = [sys.executable, EXAMPLE, "a.onnx", "plate.png"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    reader = lp.load(save_bundle(tmp_path / "weights", bundle))
    assert said.startswith(reader.read(tmp_path / "plate.png").text)
    sr = np.asarray(Image.open(tmp_path / "sr.png")).astype(int)
    assert np.abs(sr - reader.enhance(tmp_path / "plate.png")).max() <= 1


@needs_jax2onnx
def test_a_program_that_differs_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "TOLERANCES", {"sr": 0.0, "log_probs": 0.0})
    bundle = random_bundle()
    with pytest.raises(UserError, match="not written, for sr is"):
        onnx_export.write_onnx(tmp_path / "a.onnx", bundle.model, bundle.params, 1.0)
    assert not list(tmp_path.iterdir())


@needs_jax2onnx
def test_both_networks_are_needed(tmp_path):
    bundle = part(random_bundle(), "ocr")
    with pytest.raises(UserError, match="no generator"):
        onnx_export.write_onnx(tmp_path / "a.onnx", bundle.model, bundle.params, 1.0)
