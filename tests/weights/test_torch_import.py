"""PyTorch weights: what fits comes in exactly, what does not leaves nothing behind."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.errors import UserError
from lpasrn_jax.models.generator import Generator
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.weights.load import load_weights
from lpasrn_jax.weights.torch_import import convert, infer_generator

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `parity`)")
import safetensors.torch as torch_safetensors  # noqa: E402

from parity import compare, reference_embedder, reference_generator  # noqa: E402

SMALL = {"f": 16, "blocks": 2, "growth": 8, "layers": 2}
VARIANTS = {
    "plain": ({"deformable": "none"}, {"use_deformable": False, "use_character_attention": False}),
    "offsets": (
        {"deformable": "offsets", "msca_scales": (1.0, 0.5), "prototypes": 10},
        {"msca_scales": (1.0, 0.5), "msca_num_prototypes": 10},
    ),
    "x4": ({"deformable": "offsets", "scale": 4}, {"scale": 4, "use_character_attention": False}),
}


def reference(variant="plain"):
    return compare.randomise(reference_generator.Generator(**SMALL, **VARIANTS[variant][0]), seed=0)


@pytest.fixture
def state():
    return reference().state_dict()


def write(path, state, **more):
    torch.save({"generator_state_dict": state, "epoch": 3, "best_word_acc": 0.5, **more}, path)
    return path


def write_safetensors(path, state):
    torch_safetensors.save_file({key: value.contiguous() for key, value in state.items()}, path)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_generator_is_told_from_its_tensors(variant):
    tensors = {key: value.numpy() for key, value in reference(variant).state_dict().items()}
    expected = Generator(
        features=16, num_rrdb_blocks=2, growth=8, dense_layers=2, use_dcnv4=False, deform_center_offset=1,
        msca_prototype_guidance=False, **{"msca_scales": (), **VARIANTS[variant][1]},
    )  # fmt: skip
    assert Generator(**infer_generator(tensors)) == expected


def test_a_converted_checkpoint_gives_the_same_image(tmp_path):
    source = reference("offsets")
    image = np.random.default_rng(0).uniform(-1, 1, (1, 9, 13, 3)).astype(np.float32)
    with torch.no_grad():
        expected = source(torch.from_numpy(image.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
    state = {f"module.{key}": value for key, value in source.state_dict().items()}  # as DataParallel saves it
    convert(write(tmp_path / "best.pth", state), tmp_path / "original")
    bundle = load_weights(tmp_path / "original")
    np.testing.assert_allclose(bundle.model.enlarge(bundle.params, image), expected, atol=2e-5)
    # The original computes these two kinds and uses neither.
    kinds = ("prototype_conv.weight", "prototypes")
    assert bundle.about["unused"] == sorted(f"character_attention.detectors.{s}.{kind}" for s in (0, 1) for kind in kinds)


def test_other_scales_can_be_named_but_not_another_number(tmp_path):
    source = write(tmp_path / "best.pth", reference("offsets").state_dict())
    assert convert(source, tmp_path / "out", (1.0, 0.25)).config["model"]["msca_scales"] == (1.0, 0.25)
    with pytest.raises(UserError, match="msca_scales: 3 given, but the checkpoint has 2"):
        convert(source, tmp_path / "out", (1.0, 0.5, 0.25))
    with pytest.raises(UserError, match=r"best.pth: model.msca_scales is \(1.0, 1000000000.0\); expected a list of"):
        convert(source, tmp_path / "other", (1.0, 1e9))


def test_resnet18_becomes_the_embedders_backbone(tmp_path):
    source = compare.randomise(reference_embedder.ResNet18(torch.nn.BatchNorm2d), seed=1)
    classifier = {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    torch.save({**source.state_dict(), **classifier}, tmp_path / "resnet18.pth")
    bundle = convert(tmp_path / "resnet18.pth", tmp_path / "backbone")
    assert bundle.about["unused"] == ["fc.bias", "fc.weight"]
    assert bundle.params["embedder"]["backbone"]["stem"]["kernel"].shape == (7, 7, 3, 64)
    assert (bundle.model.plate_format, bundle.model.networks["embedder"].backbone) == (BRAZIL, "resnet18")


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from lpasrn_jax.weights.torch_import import convert
convert(*sys.argv[1:])
"""


def test_safetensors_need_no_torch(tmp_path, state):
    write_safetensors(tmp_path / "best.safetensors", state)
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, tmp_path / "best.safetensors", tmp_path / "out"], check=True)
    assert load_weights(tmp_path / "out").config["model"]["features"] == 16


def test_a_pth_file_without_torch_says_what_to_install(tmp_path, state, monkeypatch):
    source = write(tmp_path / "best.pth", state)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"needs PyTorch; install it"):
        convert(source, tmp_path / "out")


class Malice:
    def __reduce__(self):
        return os.mkdir, (os.environ["MALICE"],)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


FIRST, GLOBAL = "shallow_extractor.conv1.weight", "deep_extractor.global_conv.weight"

FILES_THAT_ARE_NONE = {  # (writes the file, what the error says)
    "no such file": (lambda path, state: None, "no such file"),
    "a text": (lambda path, state: path.write_text("weights"), "not a PyTorch file"),
    "empty": (lambda path, state: path.write_bytes(b""), "not a whole PyTorch file"),
    "truncated": (lambda path, state: truncate(write(path, state)), "not a whole PyTorch file"),
    "malicious": (lambda path, state: write(path, state, hook=Malice()), "more than tensors"),
    "malicious plain pickle": (lambda path, state: path.write_bytes(pickle.dumps(Malice())), "more than tensors"),
    "another network": (lambda path, state: torch.save({"fc.weight": torch.zeros(3)}, path), "neither an LP-ASRN generator"),
    "no network": (lambda path, state: torch.save({"epoch": 3, "lr": 0.1}, path), "entries epoch, lr found"),
    "a list": (lambda path, state: torch.save([1, 2], path), "list found"),
}
STATES_THAT_DO_NOT_FIT = {  # (a key, its tensor's shape or None where it is missing, what the error says)
    "missing key": ("skip_weight", None, "1 missing keys: skip_weight"),
    "wrong width": (GLOBAL, (16, 17, 3, 3), "deep_conv/kernel is"),
    "wrong rank": (GLOBAL, (16, 16), "global_conv.weight has shape"),
    "wrong first tensor": (FIRST, (15, 3, 5, 5), "multiple of 4"),
    "scalar first tensor": (FIRST, (), "model.features is 1; expected a whole number from 4 to 512"),
}


@pytest.mark.parametrize("kind", FILES_THAT_ARE_NONE)
def test_a_file_that_is_no_checkpoint_is_refused_and_leaves_nothing(tmp_path, state, monkeypatch, kind):
    make, message = FILES_THAT_ARE_NONE[kind]
    monkeypatch.setenv("MALICE", str(tmp_path / "executed"))
    make(tmp_path / "best.pth", state)
    with pytest.raises(UserError, match=message):
        convert(tmp_path / "best.pth", tmp_path / "out")
    assert set(os.listdir(tmp_path)) <= {"best.pth"}


@pytest.mark.parametrize("kind", STATES_THAT_DO_NOT_FIT)
def test_tensors_that_do_not_fit_are_named_and_leave_nothing(tmp_path, state, kind):
    key, shape, message = STATES_THAT_DO_NOT_FIT[kind]
    state = {k: v for k, v in state.items() if k != key} | ({} if shape is None else {key: torch.zeros(shape)})
    with pytest.raises(UserError, match=message):
        convert(write(tmp_path / "best.pth", state), tmp_path / "out")
    assert os.listdir(tmp_path) == ["best.pth"]


def test_weights_of_a_diverged_training_are_refused(tmp_path, state):
    state["skip_weight"].fill_(float("nan"))
    with pytest.raises(UserError, match="skip_weight holds values that are not finite"):
        convert(write(tmp_path / "best.pth", state), tmp_path / "out")


def test_a_truncated_safetensors_file_is_refused(tmp_path, state):
    path = tmp_path / "best.safetensors"
    write_safetensors(path, state)
    truncate(path)
    with pytest.raises(UserError, match="not a whole safetensors file"):
        convert(path, tmp_path / "out")


def test_the_script_converts_and_reports(tmp_path):
    source = write(tmp_path / "best.pth", reference("offsets").state_dict())
    command = [sys.executable, "scripts/convert_torch.py", source, tmp_path / "out"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "unused: character_attention.detectors.0.prototypes" in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())["config"]["model"]["deform_center_offset"] == 1
    truncate(source)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_half_precision_checkpoints_become_float32(tmp_path, state, ending):
    source = tmp_path / f"best{ending}"
    {".pth": write, ".safetensors": write_safetensors}[ending](source, {key: value.bfloat16() for key, value in state.items()})
    bundle = convert(source, tmp_path / "out")
    assert {leaf.dtype for leaf in jax.tree.leaves(bundle.params)} == {jnp.dtype("float32")}
