"""Bundles: whole or not at all, and never another's."""

from __future__ import annotations

import errno
import json
import os
import pathlib

import jax
import numpy as np
import pytest
import safetensors.numpy

from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.weights.bundle import Bundle, add_to_card, load_bundle, save_bundle
from lpasrn_jax.weights.load import load_weights


@pytest.fixture
def bundle():
    rng = np.random.default_rng(0)
    conv = {"kernel": rng.normal(size=(3, 3, 2, 4)).astype(np.float32), "bias": np.zeros(4, np.float32)}
    config = {
        "model": {"features": 4, "scale": 2, "dtype": "float32", "deform_groups": 2, "msca_scales": [1.0, 0.5]},
        "plates": BRAZIL.config(),
        "data": {"lr_size": [8, 24]},
    }
    return Bundle({"generator": {"conv": conv}}, config, {"temperature": 1.5})


@pytest.mark.parametrize("name", ["a", "a.v2", "a.safetensors"])
def test_a_bundle_comes_back(tmp_path, bundle, name):
    path = save_bundle(tmp_path / name, bundle)
    loaded = load_weights(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, path.with_suffix(".json").name])
    jax.tree.map(np.testing.assert_array_equal, loaded.params, bundle.params)
    assert (loaded.config, loaded.about) == (bundle.config, bundle.about)


def test_half_precision_halves_the_file_and_loads_as_float32(tmp_path, bundle):
    whole, half = save_bundle(tmp_path / "whole", bundle), save_bundle(tmp_path / "half", bundle, half=True)
    tensors = safetensors.numpy.load_file(half)
    assert sum(t.nbytes for t in tensors.values()) * 2 == sum(t.nbytes for t in safetensors.numpy.load_file(whole).values())
    for loaded, saved in zip(jax.tree.leaves(load_bundle(half).params), jax.tree.leaves(bundle.params), strict=True):
        assert loaded.dtype == np.float32
        np.testing.assert_array_equal(loaded, saved.astype(np.float16))


def test_a_number_too_large_for_half_precision_is_refused(tmp_path, bundle):
    bundle.params["generator"]["conv"]["bias"][0] = 1e5
    with pytest.raises(UserError, match="generator/conv/bias holds 100000; expected at most 65504"):
        save_bundle(tmp_path / "half", bundle, half=True)
    assert not list(tmp_path.iterdir())


def test_damaged_weights_are_refused(tmp_path, bundle):
    path = save_bundle(tmp_path / "a", bundle)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.safetensors: damaged"):
        load_bundle(path)


@pytest.mark.parametrize("card", ["", "[]", "{}", '{"format": "another"}'])
def test_a_strange_card_is_refused(tmp_path, bundle, card):
    path = save_bundle(tmp_path / "a", bundle)
    path.with_suffix(".json").write_text(card)
    with pytest.raises(UserError, match=r"a\.json"):
        load_bundle(path)


def test_a_missing_half_is_named(tmp_path, bundle):
    path = save_bundle(tmp_path / "a", bundle)
    path.with_suffix(".json").unlink()
    with pytest.raises(UserError, match=r"a\.json: not found"):
        load_bundle(path)


def test_an_interrupted_save_leaves_the_old_bundle(tmp_path, bundle, monkeypatch):
    path = save_bundle(tmp_path / "a", bundle)
    before = path.read_bytes()

    def fail(source, destination):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        save_bundle(tmp_path / "a", Bundle({"ocr": {"w": np.ones(3, np.float32)}}, {}, {}))
    assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["a.json", "a.safetensors"]
    load_bundle(path)


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match="no such weights"):
        load_weights(tmp_path / "nothing")


def test_a_safetensors_file_with_a_card_of_its_own_digest_but_no_tensors(tmp_path, bundle):
    path = save_bundle(tmp_path / "a", bundle)
    path.write_bytes(safetensors.numpy.save({"x": np.zeros(1, np.float32)}))
    with pytest.raises(UserError, match="not the weights that"):
        load_bundle(path)
    assert json.loads(path.with_suffix(".json").read_text())["config"] == bundle.config


def test_a_bundled_name_is_the_bundled_model_and_a_path_is_a_file(tmp_path, bundle, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_bundle("lite", bundle)
    for path in ("./lite", "lite.safetensors", pathlib.Path("lite"), str(tmp_path / "lite")):
        assert load_weights(path).about == bundle.about, path
    assert load_weights("lite").about["note"].startswith("Trained on synthetic plates alone")
    with pytest.raises(UserError, match=r"elsewhere/lite: no such weights"):
        load_weights("elsewhere/lite")


def test_more_in_the_card_leaves_the_weights_as_they_are(bundle, tmp_path):
    path = save_bundle(tmp_path / "a", bundle, half=True)
    before, content = load_bundle(path), path.read_bytes()
    add_to_card(path, {"results": {"x": [1, 2]}})
    after = load_bundle(path)
    assert path.read_bytes() == content
    assert after.about == before.about | {"results": {"x": [1, 2]}}
    with pytest.raises(UserError, match="results"):
        add_to_card(path, {"results": {"x": "y" * 20_000}})
    assert load_bundle(path).about == after.about
