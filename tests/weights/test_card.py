"""What a card says is checked before anything is made of it: each wrong card is one line that names the field."""

from __future__ import annotations

import copy
import hashlib
import json

import numpy as np
import pytest

import lpasrn_jax as lp
from configs import base
from lpasrn_jax.errors import UserError
from lpasrn_jax.weights.bundle import Bundle, save_bundle
from lpasrn_jax.weights.card import check_card
from tests.random_bundle import part, random_bundle

MISSING = object()


@pytest.fixture(scope="module")
def bundle():
    return random_bundle()


def changed(tree, path, value):
    """A copy of a nested dict with another value at a path, or none."""
    tree = copy.deepcopy(tree)
    *sections, name = path.split(".")
    place = tree
    for section in sections:
        place = place[section]
    if value is MISSING:
        del place[name]
    else:
        place[name] = value
    return tree


@pytest.mark.parametrize(("path", "value", "message"), [
    ("model", MISSING, "model is missing; expected an object"),
    ("model", [1], "model is a list; expected an object"),
    ("model.features", "many", "model.features is 'many'; expected a whole number from 4 to 512, a multiple of 4"),
    ("model.features", 8.0, "model.features is 8.0"),
    ("model.features", 10, "model.features is 10"),
    ("model.features", 2**40, "model.features is 1099511627776"),
    ("model.features", True, "model.features is True"),
    ("model.num_rrdb_blocks", 10**9, "model.num_rrdb_blocks is 1000000000; expected a whole number from 0 to 64"),
    ("model.growth", -1, "model.growth is -1"),
    ("model.scale", 3, "model.scale is 3; expected one of 2, 4"),
    ("model.scale", [2], "model.scale is [2]"),
    ("model.skip", "nearest", "model.skip is 'nearest'; expected one of bilinear, bicubic"),
    ("model.light_sigma", -1, "model.light_sigma is -1; expected a number from 0 to 16"),
    ("model.median_limit", 1000, "model.median_limit is 1000; expected a number from 0 to 255"),
    ("model.scale", MISSING, "model.scale is missing; expected one of 2, 4"),
    ("model.use_deformable", "no", "model.use_deformable is 'no'; expected true or false"),
    ("model.msca_scales", [1e9], "model.msca_scales is [1000000000.0]; expected a list of 0 to 8 items, each a number from"),
    ("model.msca_scales", [float("nan")], "model.msca_scales is [nan]"),
    ("model.msca_scales", 0.5, "model.msca_scales is 0.5"),
    ("model.dtype", "float8", "model.dtype is 'float8'; expected one of float32, bfloat16, float16"),
    ("model.deform_implementation", "fastest", "model.deform_implementation is 'fastest'; expected one of auto, triton"),
    ("model.depth", 3, "model.depth is unknown; update lpasrn_jax"),
    ("model.ocr", MISSING, "model.ocr is missing"),
    ("model.ocr.widths", [8, 8], "model.ocr.widths is [8, 8]; expected a list of 4 items"),
    ("model.ocr.widths", [8, 8, 8, 12], "each a whole number from 8 to 2048, a multiple of 8"),
    ("model.ocr.heads", 3, "model.ocr.heads is 3; expected a divisor of the last of [8, 8, 8, 16]"),
    ("model.ocr.heads", MISSING, "model.ocr.heads is missing"),
    ("model.ocr.layers", 3, "model.ocr.layers is unknown"),
    ("plates", MISSING, "plates is missing"),
    ("plates.alphabet", 36, "plates.alphabet is 36; expected a text"),
    ("plates.alphabet", "AAB", "plates.alphabet: 'AAB' is empty or repeats a character"),
    ("plates.layouts", ["LLL"], "plates.layouts is ['LLL']; expected an object"),
    ("plates.layouts", {"a\x1b[2J": "LLLNNNN"}, "plates.layouts is"),
    ("plates.layouts", {"x": "L" * 40}, "a pattern of at most 32 slots"),
    ("plates.country", "BR", "plates.country is unknown"),
    ("data", MISSING, "data is missing"),
    ("data.lr_size", 24, "data.lr_size is 24; expected a list of 2 items, each a whole number from 4 to 1024"),
    ("data.lr_size", [1024, 1024], "data.lr_size is [1024, 1024]; expected at most 16384 pixels in all"),
    ("lineage", "lite", "config.lineage is 'lite'; expected a list"),
])  # fmt: skip
def test_a_config_that_no_model_has(bundle, tmp_path, path, value, message):
    save_bundle(tmp_path / "a", Bundle(bundle.params, changed(bundle.config, path, value), bundle.about))
    with pytest.raises(UserError) as caught:
        lp.load(tmp_path / "a")
    assert "a.json: " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(("about", "message"), [
    ([], "about is a list; expected an object"),
    ({"temperature": 0}, "about.temperature is 0; expected a number above 0 and at most 1000"),
    ({"temperature": -1.5}, "about.temperature is -1.5"),
    ({"temperature": float("nan")}, "about.temperature is nan"),
    ({"temperature": 1e-320}, "about.temperature is 1e-320"),
    ({"temperature": "warm"}, "about.temperature is 'warm'"),
    ({"frame_correlation": 1.5}, "about.frame_correlation is 1.5; expected a number from 0 to 1"),
    ({"step": "last"}, "about.step is 'last'"),
])  # fmt: skip
def test_what_no_training_says_about_its_weights(bundle, tmp_path, about, message):
    save_bundle(tmp_path / "a", Bundle(bundle.params, bundle.config, about))
    with pytest.raises(UserError) as caught:
        lp.load(tmp_path / "a")
    assert f"a.json: {message}" in str(caught.value)


def with_tensor(path, value):
    """The parameters with another tensor, or one more; paths that are no parameter's are kept in one key."""

    def change(params):
        name, _, rest = path.partition("/")
        return {**params, name: {**params.get(name, {}), rest: value}} if rest else {**params, name: value}

    return change


@pytest.mark.parametrize(("change", "message"), [
    (with_tensor("generator/skip_weight", np.float64(1)), "generator/skip_weight is float64; expected float32 or float16"),
    (with_tensor("generator/skip_weight", np.int32(1)), "generator/skip_weight is int32; expected float32 or float16"),
    (with_tensor("generator/skip_weight", np.float32(np.nan)), "generator/skip_weight holds values that are not finite"),
    (with_tensor("generator/skip_weight", np.zeros(2, np.float32)), "skip_weight is (2,), expected ()"),
    (with_tensor("generator/another", np.zeros(2, np.float32)), "generator/another is unknown"),
    (with_tensor("generator/skip_weight/x", np.float32(1)), "'generator/skip_weight/x' found; expected paths such as"),
    (with_tensor("generator//x", np.float32(1)), "'generator//x' found; expected paths such as"),
    (with_tensor("alone", np.float32(1)), "'alone' found; expected paths such as"),
    (with_tensor("painter/x", np.float32(1)), "weights of 'painter' found; expected some of generator"),
    (lambda params: {"fusion": params["ocr"]}, "weights of a fusion found; expected those of the generator"),
    (lambda params: {"ocr": params["generator"]}, "parameters that do not fit the model"),
    (lambda params: {}, "no generator and no OCR"),
])  # fmt: skip
def test_tensors_of_no_model(bundle, tmp_path, change, message):
    save_bundle(tmp_path / "a", Bundle(change(bundle.params), bundle.config, bundle.about))
    with pytest.raises(UserError) as caught:
        lp.load(tmp_path / "a")
    assert message in str(caught.value)
    assert str(tmp_path / "a") in str(caught.value)


@pytest.mark.parametrize(("key", "value", "message"), [
    ("alphabet", "0123456789", "plates.layouts"),
    ("alphabet", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXY", "ocr/slots/kernel is (16, 36), expected (16, 35)"),
    ("layouts", {"Short": "LLLNNN"}, "ocr/slot_queries is (7, 16), expected (6, 16)"),
])  # fmt: skip
def test_weights_of_another_plate_format(bundle, tmp_path, key, value, message):
    config = changed(bundle.config, f"plates.{key}", value)
    save_bundle(tmp_path / "a", Bundle(bundle.params, config, {}))
    with pytest.raises(UserError) as caught:
        lp.load(tmp_path / "a")
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [
    b"\xff\xfe", b"[" * 100_000, b"null", b"9" * 5000, b" " * 2_000_000, b'{"format": "lpasrn_jax weights 1"}',
    b'{"format": 1e999, "sha256": 1, "config": 1, "about": 1}',
])  # fmt: skip
def test_a_card_that_is_none(bundle, tmp_path, content):
    path = save_bundle(tmp_path / "a", bundle)
    path.with_suffix(".json").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.json: "):
        lp.load(path)


def test_weights_of_a_type_that_numpy_lacks(bundle, tmp_path):
    path = save_bundle(tmp_path / "a", part(bundle, "generator"))
    header = json.dumps({"generator/x": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))
    with pytest.raises(UserError, match=r"a\.safetensors: not a safetensors file of NumPy's types"):
        lp.load(path)


def test_weights_cannot_choose_an_implementation_that_this_machine_lacks(bundle, tmp_path):
    """Triton runs on GPUs alone; what runs is this machine's matter."""
    config = changed(bundle.config, "model.deform_implementation", "triton")
    reader = lp.load(save_bundle(tmp_path / "a", Bundle(bundle.params, config, {})))
    assert len(reader.read(np.zeros((8, 24, 3), np.uint8)).text) == 7


def test_every_preset_of_the_configs_makes_a_card(bundle):
    for config in (base.get_config(), base.quick(base.get_config())):
        check_card("config", json.loads(config.to_json_best_effort()), {}, ["generator", "ocr", "embedder"])
