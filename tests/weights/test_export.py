"""The exported program gives the model's images where the package is not."""

from __future__ import annotations

import subprocess
import sys

import jax
import numpy as np
import pytest

from lpasrn_jax.commands.main import run_command
from lpasrn_jax.errors import UserError
from lpasrn_jax.models import PlateModel
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.weights import export
from lpasrn_jax.weights.bundle import Bundle, load_bundle, save_bundle
from tests.models.random_params import random_values
from tests.random_bundle import part, random_bundle, small_config

CONFIG = small_config()
CONFIG["model"] |= dict(
    use_deformable=True, deform_groups=2, use_character_attention=True, msca_scales=(1.0, 0.5), msca_num_prototypes=4
)
MODEL = PlateModel.from_config(CONFIG, ["generator"])

RUN_ELSEWHERE = """
import pathlib, sys
for package in ("lpasrn_jax", "dcnv4_jax", "flax"):
    sys.modules[package] = None
import numpy as np
from jax import export
program = export.deserialize(bytearray(pathlib.Path(sys.argv[1]).read_bytes()))
np.save(sys.argv[3], program.call(np.load(sys.argv[2])))
"""


@pytest.fixture(scope="module")
def params():
    return {"generator": random_values(MODEL.shapes["generator"])}


def test_the_script_exports_what_a_fresh_process_runs(tmp_path, params):
    save_bundle(tmp_path / "small", Bundle(params, CONFIG, {}))
    command = [sys.executable, "scripts/export.py", "--checkpoint", tmp_path / "small", "--out", tmp_path / "small.stablehlo"]
    subprocess.run([*command, "--height", "9", "--width", "14"], check=True)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 9, 14, 3)).astype(np.float32)
    np.save(tmp_path / "lr.npy", images)
    arguments = [tmp_path / "small.stablehlo", tmp_path / "lr.npy", tmp_path / "sr.npy"]
    subprocess.run([sys.executable, "-c", RUN_ELSEWHERE, *arguments], check=True)
    np.testing.assert_allclose(np.load(tmp_path / "sr.npy"), jax.jit(MODEL.enlarge)(params, images), atol=1e-5)


def test_a_program_takes_images_of_the_size_that_the_weights_were_trained_on(tmp_path, params):
    path = save_bundle(tmp_path / "small", Bundle(params, CONFIG, {}))
    command = ["--checkpoint", str(path), "--out", str(tmp_path / "small.stablehlo"), "--platforms", "cpu"]
    with pytest.raises(SystemExit, match="^0$"):
        run_command("export", command)
    (taken,) = jax.export.deserialize(bytearray((tmp_path / "small.stablehlo").read_bytes())).in_avals
    assert taken.shape[1:] == (8, 24, 3)


def test_a_program_in_half_precision_may_differ_as_its_mantissa_does(tmp_path, params, monkeypatch):
    config = {**CONFIG, "model": {**CONFIG["model"], "dtype": "bfloat16"}}
    model = PlateModel.from_config(config, ["generator"])
    difference = export.write_export(tmp_path / "half", model, params, (8, 8), ["cpu"])
    assert export.TOLERANCES["float32"] < difference < export.TOLERANCES["bfloat16"]
    assert (tmp_path / "half").stat().st_size > 0
    monkeypatch.setitem(export.TOLERANCES, "bfloat16", difference / 2)
    with pytest.raises(UserError, match="away from the model"):
        export.write_export(tmp_path / "refused", model, params, (8, 8), ["cpu"])


def test_a_program_that_differs_is_not_written(tmp_path, params, monkeypatch):
    right = export.export_generator

    def wrong(model, params, *rest):
        return right(model, jax.tree.map(lambda leaf: leaf * 1.01, params), *rest)

    monkeypatch.setattr(export, "export_generator", wrong)
    with pytest.raises(UserError, match="away from the model"):
        export.write_export(tmp_path / "a", MODEL, params, (8, 8), ["cpu"])
    assert not (tmp_path / "a").exists()


def test_the_script_exports_what_reads_and_nothing_of_the_run(tmp_path):
    whole = random_bundle()
    calibration = {"temperature": 1.5, "frame_correlation": 0.25}
    run = {"source": "somewhere", "step": 40, **calibration}
    config = {**whole.config, "data": {"lr_size": [8, 24], "root": "somewhere"}}
    save_bundle(tmp_path / "run", Bundle({**whole.params, "embedder": {"kernel": np.zeros(3, np.float32)}}, config, run))
    command = [sys.executable, "scripts/export.py", "--checkpoint", tmp_path / "run", "--out", tmp_path / "plates.safetensors"]
    subprocess.run([*command, "--note", "Random.", "--check-tracks", "0"], check=True)
    found = load_bundle(tmp_path / "plates")
    jax.tree.map(np.testing.assert_array_equal, found.params, whole.params)
    assert found.about == {"step": 40, **calibration, "note": "Random."}
    assert (found.calibration, found.model.lr_size, found.model.plate_format) == ((1.5, 0.25), (8, 24), BRAZIL)
    assert "somewhere" not in (tmp_path / "plates.json").read_text()


def test_without_a_network_that_reads_nothing_is_exported():
    whole = random_bundle()
    assert export.reading_bundle(part(whole, "ocr"), "").params.keys() == {"ocr"}
    with pytest.raises(UserError, match="holds embedder, but no generator or OCR"):
        export.reading_bundle(Bundle({"embedder": {}}, whole.config, {}), "")


@pytest.mark.parametrize(("share", "added"), [(0.5, 1), (0.25, 0.5), (0, 0), (1, 2)])
def test_the_mean_of_two_stages_keeps_the_other_networks(share, added):
    bundle = random_bundle()
    other = part(
        Bundle({name: jax.tree.map(lambda leaf: leaf + 2, tree) for name, tree in bundle.params.items()}, bundle.config, {}),
        "ocr",
    )
    mean = export.mean_of(bundle, other, "before", share)
    jax.tree.map(lambda m, leaf: np.testing.assert_allclose(m, leaf + added, atol=1e-6), mean.params["ocr"], bundle.params["ocr"])
    assert mean.params["generator"] is bundle.params["generator"]
    assert mean.about == bundle.about


@pytest.mark.parametrize("share", [-0.1, 25, float("nan")])
def test_a_share_of_a_mean_is_from_0_to_1(share):
    bundle = random_bundle()
    with pytest.raises(UserError, match=f"--mean-share={share}: expected a number from 0 to 1"):
        export.mean_of(bundle, bundle, "x", share)


def test_a_share_of_no_mean_is_refused(tmp_path, capsys):
    arguments = ["--checkpoint", "lite", "--out", str(tmp_path / "x.safetensors"), "--mean-share", "0.25"]
    with pytest.raises(SystemExit, match="^2$"):
        run_command("export", arguments)
    assert "--mean-share=0.25: expected --mean-with" in capsys.readouterr().err


def test_weights_of_another_size_have_no_mean():
    bundle = random_bundle()
    ocr = {**bundle.params["ocr"], "more": np.zeros(3)}
    with pytest.raises(UserError, match="--mean-with=x: parameters that do not fit the model: ocr/more is unknown"):
        export.mean_of(bundle, Bundle({"ocr": ocr}, bundle.config, {}), "x")
    with pytest.raises(UserError, match="--mean-with=x: holds embedder, of which the model has none"):
        export.mean_of(bundle, Bundle({"embedder": {}}, bundle.config, {}), "x")
