"""Weights that know what is no plate."""

import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax.commands.main import run_command
from lpasrn_jax.commands.plate_check import with_plate_check
from lpasrn_jax.errors import UserError
from lpasrn_jax.weights.bundle import load_bundle, save_bundle
from tests.random_bundle import part, random_bundle


def test_export_fits_a_check_to_the_ocr(tmp_path):
    source = save_bundle(tmp_path / "run", random_bundle())
    assert not lp.load(source).knows_plates
    arguments = ["--checkpoint", str(source), "--out", str(tmp_path / "plates.safetensors")]
    with pytest.raises(SystemExit, match="^0$"):
        run_command("export", [*arguments, "--check-tracks", "10"])
    exported = load_bundle(tmp_path / "plates")
    assert exported.params["plate_check"]["linear"]["kernel"].shape == (32, 1)  # of the OCR's 16 channels
    assert lp.load(tmp_path / "plates.safetensors").knows_plates
    with pytest.raises(SystemExit, match="^0$"):
        run_command("export", [*arguments, "--check-tracks", "0"])
    assert not lp.load(tmp_path / "plates.safetensors").knows_plates


def test_weights_without_an_ocr_have_nothing_to_check_with():
    with pytest.raises(UserError, match="these weights have no ocr, only generator"):
        with_plate_check(part(random_bundle(), "generator"), 10)
    with pytest.raises(UserError, match="3 tracks found; expected at least 10"):
        with_plate_check(random_bundle(), 3)


def test_a_check_without_its_ocr_is_refused(tmp_path):
    bundle = random_bundle()
    bundle.params["plate_check"] = {"linear": {"kernel": np.zeros((32, 1), np.float32), "bias": np.zeros(1, np.float32)}}
    path = save_bundle(tmp_path / "check", part(bundle, "generator", "plate_check"))
    with pytest.raises(UserError, match="weights of a plate_check found; expected those of the ocr"):
        load_bundle(path)
