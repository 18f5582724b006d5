"""The command `lpasrn`: what each subcommand prints and exits with."""

import importlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import lpasrn_jax as lp
from lpasrn_jax.commands.main import COMMANDS, main
from lpasrn_jax.commands.read import doubts
from lpasrn_jax.commands.weights import describe
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.reading.reading import create_reading
from lpasrn_jax.weights.bundle import save_bundle
from lpasrn_jax.weights.load import bundle_path, bundled_names, load_weights
from tests.random_bundle import random_bundle, track_bundle
from tests.test_imports import TRAINING_PACKAGES


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return str(save_bundle(tmp_path_factory.mktemp("weights") / "small", random_bundle()))


@pytest.fixture
def plate(tmp_path, rng):
    path = tmp_path / "plate.png"
    Image.fromarray(rng.integers(0, 256, (9, 25, 3), np.uint8)).save(path)
    return path


def run(*arguments):
    """The exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code


def test_every_command_explains_itself(capsys):
    assert run("--help") == 0
    listed = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert f"{name} " in listed, name
        assert command.summary in listed
        if importlib.util.find_spec(command.module.rpartition(".")[0]) and importlib.util.find_spec(command.module):
            assert run(name, "--help") == 0
            assert f"usage: lpasrn {name}" in capsys.readouterr().out


def test_the_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"lpasrn {lp.__version__}\n"


def test_help_and_mistakes_wait_for_no_package():
    """In a process where the large packages cannot be imported."""
    blocked = f"import sys\nfor name in {['jax', 'flax', 'numpy', 'cv2', *TRAINING_PACKAGES]}: sys.modules[name] = None\n"
    for arguments, code in ((["--help"], 0), (["read", "--help"], 0), (["read"], 2), (["raed"], 2)):
        script = f"{blocked}from lpasrn_jax.commands.main import main\nmain({arguments})"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "usage: lpasrn" in done.stdout + done.stderr


def test_reading_as_a_module_imports_no_training_package(weights, plate):
    blocked = f"import sys, runpy\nfor name in {sorted(TRAINING_PACKAGES)}: sys.modules[name] = None\n"
    script = f"{blocked}sys.argv = ['lpasrn', 'read', '--checkpoint', {weights!r}, '--json', {str(plate)!r}]\n"
    script += "runpy.run_module('lpasrn_jax', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["input"] == str(plate)


def test_a_command_whose_packages_are_missing_names_the_extra(weights, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "lpasrn_jax.evaluation.evaluate", None)
    assert run("evaluate", "--checkpoint", weights, "--data-root", "data") == 2
    assert "pip install 'lpasrn-jax[train]'" in capsys.readouterr().err


def test_read_prints_text_confidence_and_what_else_it_may_be(weights, plate, capsys):
    assert run("read", "--checkpoint", weights, plate) == 0
    first, *others = capsys.readouterr().out.splitlines()
    reading = lp.load(weights).read(plate)
    assert first == f"{plate}  {reading}  {reading.layout}"
    assert others == [f"    {line}" for line in doubts(reading)]


def test_only_doubtful_characters_are_named():
    """A slot of 99.5 % is not; of a doubtful one, what has half a per cent is."""
    probabilities = np.zeros((7, 36))
    classes = BRAZIL.encode("ABC1234")
    probabilities[np.arange(7), classes] = 1
    probabilities[1, classes[1]], probabilities[1, 8] = 0.995, 0.005
    probabilities[3, classes[3]], probabilities[3, 7], probabilities[3, 4] = 0.9, 0.098, 0.002
    reading = create_reading(classes, probabilities, BRAZIL, frames=1, source="original", min_confidence=0.0)
    assert doubts(reading) == ["character 4: 1 90.0%, or 7 9.8%"]


def test_read_as_json_is_one_object_per_line(weights, plate, tmp_path, capsys):
    damaged = tmp_path / "damaged.png"
    damaged.write_text("no image")
    assert run("read", "--checkpoint", weights, "--json", plate, damaged, tmp_path / "missing.png") == 1
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["input"] for record in records] == [str(plate), str(damaged), str(tmp_path / "missing.png")]
    assert records[0] == {"input": str(plate), **json.loads(json.dumps(lp.load(weights).read(plate).to_dict()))}
    assert records[1]["error"].startswith("is not an image")
    assert records[2]["error"].startswith("does not exist")


@pytest.mark.parametrize("layout", ["mercosur", "MERCOSUR", "Mercosur"])
def test_layouts_are_named_in_any_case(layout, weights, plate, capsys):
    assert run("read", "--checkpoint", weights, "--layout", layout, plate, "--json") == 0
    assert json.loads(capsys.readouterr().out)["layout"] == "Mercosur"


def test_exit_codes_of_read(weights, plate, capsys):
    assert run("read", "--checkpoint", weights, plate, "--min-confidence", "1") == 3
    assert "unreadable (best guess: " in capsys.readouterr().out
    assert run("read", "--checkpoint", weights, plate, "--layout", "Belgian") == 2
    assert "layout: 'Belgian' is unknown; expected one of Brazilian, Mercosur" in capsys.readouterr().err


def test_a_track_is_read_as_one(weights, tmp_path, rng, capsys):
    folder = tmp_path / "track_00001"
    folder.mkdir()
    for k in range(3):
        Image.fromarray(rng.integers(0, 256, (9, 25, 3), np.uint8)).save(folder / f"lr-00{k + 1}.png")
    assert run("read", "--checkpoint", weights, "--json", folder) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["input"], record["frames"]) == (str(folder), 3)


def test_read_writes_the_fused_image_of_a_track_and_of_nothing_else(plate, tmp_path, rng, capsys):
    weights = save_bundle(tmp_path / "tracks", track_bundle())
    frames = [rng.integers(0, 256, (9, 25, 3), np.uint8) for _ in range(3)]
    (tmp_path / "track_00001").mkdir()
    for k, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(tmp_path / f"track_00001/lr-00{k}.png")
    read = ("read", "--checkpoint", weights, "--json", "--fused", tmp_path / "out", tmp_path / "track_00001", plate)
    assert run(*read) == 0
    of_track, of_plate = map(json.loads, capsys.readouterr().out.splitlines())
    assert of_track["fused"] == str(tmp_path / "out/track_00001.png")
    assert "fused" not in of_plate
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["track_00001.png"]
    np.testing.assert_array_equal(Image.open(of_track["fused"]), lp.load(weights).enhance_track(frames))
    assert run(*read) == 1
    assert "track_00001.png exists; remove it, or choose another folder" in capsys.readouterr().err


def test_weights_without_a_fusion_write_no_fused_image(weights, plate, tmp_path, capsys):
    assert run("read", "--checkpoint", weights, "--fused", tmp_path / "out", plate) != 0
    assert "--fused: these weights have no fusion" in capsys.readouterr().err


def test_enhance_without_an_input_says_so(weights, tmp_path, capsys):
    assert run("enhance", "--checkpoint", weights, "-o", tmp_path / "out") == 2
    assert "one of the arguments INPUT -i/--input is required" in capsys.readouterr().err


def test_enhance_counts_in_english(weights, plate, tmp_path, capsys):
    assert run("enhance", "--checkpoint", weights, plate, "-o", tmp_path / "out") == 0
    assert f"1 plate on cpu:0; results in {tmp_path}/out" in capsys.readouterr().out


def test_weights_lists_what_is_bundled(capsys):
    assert run("weights", "--json") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["name"] for record in records] == bundled_names()
    assert "lite" in bundled_names()
    bundle = load_weights("lite")
    described = describe("lite", bundle)
    assert described == next(record for record in records if record["name"] == "lite")
    assert described["megabytes"] == pytest.approx(bundle_path("lite").stat().st_size / 1e6, abs=0.01)
    assert run("weights") == 0
    assert f"lite  {described['megabytes']:.1f} MB" in capsys.readouterr().out
    assert run("weights", "lite") == 0
    assert f"temperature: {bundle.calibration.temperature:.4g}" in capsys.readouterr().out


def test_ctrl_c_ends_a_command_quietly(weights, plate, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("lpasrn_jax.commands.read.load_reader", interrupted)
    assert run("read", "--checkpoint", weights, plate) == 130
    assert capsys.readouterr().err == ""


def test_what_is_no_plate_is_said_and_a_box_takes_the_plate_out(weights, tmp_path, rng, capsys):
    photograph = tmp_path / "car.png"
    pixels = rng.integers(0, 256, (96, 96, 3), np.uint8)
    Image.fromarray(pixels).save(photograph)
    assert run("read", "--checkpoint", weights, photograph) == 3
    assert re.fullmatch(r".*car\.png  no plate: an image of 96 x 96 pixels has not the shape of .*\n", capsys.readouterr().out)
    assert run("read", "--checkpoint", weights, photograph, "--json", "--box", "10,20,60,20") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["is_plate"]
    assert record["text"] == lp.load(weights).read(pixels[20:40, 10:70]).text
    corners = "9.5,19.5,69.5,19.5,69.5,39.5,9.5,39.5"
    assert run("read", "--checkpoint", weights, photograph, "--json", "--corners", corners) == 0
    assert json.loads(capsys.readouterr().out) == record
    assert run("read", "--checkpoint", weights, photograph, "--box", "10,20,60") == 2
    assert "'10,20,60' found; expected 4 numbers, separated by commas" in capsys.readouterr().err


def test_enhance_makes_no_picture_of_a_whole_photograph(weights, tmp_path, rng, capsys):
    photograph = tmp_path / "car.png"
    Image.fromarray(rng.integers(0, 256, (96, 96, 3), np.uint8)).save(photograph)
    assert run("enhance", "--checkpoint", weights, photograph, "-o", tmp_path / "out") == 1
    assert "failed: car: no plate: an image of 96 x 96 pixels" in capsys.readouterr().err
    assert not (tmp_path / "out/sr").exists()
    assert run("enhance", "--checkpoint", weights, photograph, "-o", tmp_path / "box", "--box", "10,20,60,20") == 0
    with Image.open(tmp_path / "box/sr/car.png") as picture:
        assert picture.size == (120, 40)
