"""The commands as a person types them: what they print, leave and exit with."""

import os
import re

import pytest
from PIL import Image

from lpasrn_jax.synthetic.tracks import write_tracks
from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import random_bundle
from tests.terminal import ROOT, assert_one_line, run


def test_evaluate_prints_its_figures_and_names_its_report(bundle_file, tmp_path):
    write_tracks(tmp_path / "tracks", 3, seed=5, workers=1)
    result = run(
        "evaluate",
        "--checkpoint",
        bundle_file,
        "--data-root",
        tmp_path / "tracks",
        "--out",
        tmp_path / "out",
        "--tfds-dir",
        tmp_path,
        "--strangers",
    )
    assert result.returncode == 0, result.stderr
    assert re.search(r"psnr  bicubic \d+\.\d+  SR \d+\.\d+\npsnr_y", result.stdout)
    assert re.search(r"\nRapidOCR  (bicubic \d\.\d+  SR |\w+Error: )", result.stdout)
    assert (tmp_path / "out/report.md").exists()


def test_evaluate_says_in_one_line_that_there_is_no_checkpoint(tmp_path):
    assert_one_line(run("evaluate", "--checkpoint", tmp_path, "--data-root", "data"), "not a checkpoint")


@pytest.fixture
def bundle_file(tmp_path):
    return save_bundle(tmp_path / "small", random_bundle())


def test_enhance_reads_what_it_can_and_names_the_rest(bundle_file, tmp_path):
    folder = tmp_path / "plates"
    folder.mkdir()
    Image.new("RGB", (25, 9)).save(folder / "good.png")
    (folder / "bad.png").write_text("no image")
    arguments = ["--checkpoint", bundle_file, "-i", folder, "-o", tmp_path / "out", "--compare", "--min-confidence", "1"]
    result = run("enhance", *arguments)
    assert result.returncode == 1
    assert re.search(r"^good  unreadable \(best guess: [A-Z0-9]{7} \d+\.\d%\)$", result.stdout, re.MULTILINE)
    assert "no calibration came with these weights" in result.stdout
    assert re.search(
        r"^failed: bad: .*bad\.png: is not an image; expected the content of a PNG, JPEG, .* file$", result.stderr, re.MULTILINE
    )
    assert (tmp_path / "out/sr/good.png").exists()
    assert (tmp_path / "out/compare/good.png").exists()
    assert_one_line(run("enhance", *arguments), "exists and 3 more; choose another folder, or overwrite with --force")
    assert run("enhance", *arguments[:2], "-i", folder / "good.png", *arguments[4:], "--force").returncode == 0


def test_enhance_without_the_gpu_that_was_asked_for(bundle_file, tmp_path):
    result = run("enhance", "--checkpoint", bundle_file, "-i", tmp_path, "-o", tmp_path / "out", "--device", "tpu")
    assert_one_line(result, "device: 'tpu' asked for, but JAX finds only")


EXPLAINED = {  # what each script's help says beside its usage line, with an example of its use
    "bench": ["the generator's forward pass beside PyTorch's", "python scripts/bench.py model --help"],
    "convert_torch": ["a .pth or .safetensors file", "convert best.pth weights/original"],
    "enhance": ["readings.csv", "overwrite files in --out", "enhance plate.jpg -o out"],
    "evaluate": ["Writes metrics.json", "--baseline", "evaluate --checkpoint runs/a/best --data-root data/val"],
    "export": ["--calibrate-on", "jax.export.deserialize", "export --checkpoint runs/a/best --out plates.safetensors"],
    "inspect_data": ["of each contact sheet (12)", "inspect_data.py --data-root data/train --out inspected"],
    "make_examples": ["the folder to write into", "python scripts/make_examples.py"],
    "make_tracks": ["number of tracks", "--from-images DIR --labels labels.csv", "make-tracks --out data/train --tracks 2000"],
    "train": ["--keys", "--workdir", "must be given", "scripts/train.py --config configs/stage1.py --workdir runs/a"],
    "train_progressive": ["--keys", "--preset", "must be given", "scripts/train_progressive.py --stage all"],
}


def test_there_are_words_for_every_script():
    assert EXPLAINED.keys() == {script.stem for script in ROOT.glob("scripts/*.py")}


@pytest.mark.parametrize("script", EXPLAINED)
def test_every_script_explains_itself(script):
    result = run(script, "--help", env={**os.environ, "COLUMNS": "120"})
    assert (result.returncode, result.stderr) == (0, "")
    assert [words for words in EXPLAINED[script] if words not in result.stdout] == []
