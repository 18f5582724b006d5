"""Checkpoints of a run: read whole, as Orbax wrote them, or refused with one line."""

from __future__ import annotations

import json
import pathlib
import shutil

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
import tensorstore as ts
from etils import epath

from lpasrn_jax.errors import UserError
from lpasrn_jax.training.checkpoints import link
from lpasrn_jax.weights import orbax
from lpasrn_jax.weights.load import load_weights
from lpasrn_jax.weights.orbax import load_checkpoint


@pytest.fixture
def checkpoint(trained, tmp_path):
    """A copy of a checkpoint, to be damaged."""
    return pathlib.Path(shutil.copytree(trained / "best", tmp_path / "copy"))


def restored_by_orbax(item):
    handler = ocp.StandardCheckpointHandler()
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    target = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=device), handler.metadata(epath.Path(item)).tree
    )
    return handler.restore(epath.Path(item), args=ocp.args.StandardRestore(target))


def test_the_arrays_are_those_that_orbax_restores(trained):
    folder = (trained / "best").resolve()
    found = load_checkpoint(trained / "best")
    jax.tree.map(np.testing.assert_array_equal, found.params, restored_by_orbax(folder / "ema"))
    assert found.step == int(folder.name)


def test_a_copy_under_another_name_keeps_its_step(trained, checkpoint):
    assert load_checkpoint(checkpoint).step == load_checkpoint(trained / "best").step


def test_a_link_that_moves_while_it_is_read(trained, checkpoint, tmp_path, monkeypatch):
    last = tmp_path / "last"
    last.symlink_to(checkpoint)

    def read_and_move(file):
        content = read_json(file)
        link(last, tmp_path / "next")  # of which nothing is there yet
        return content

    read_json = orbax._read_json
    monkeypatch.setattr(orbax, "_read_json", read_and_move)
    found, expected = load_checkpoint(last), load_checkpoint(trained / "best")
    jax.tree.map(np.testing.assert_array_equal, found.params, expected.params)


def store(item):
    """Of one array, in the way that Orbax stores it."""
    return {"driver": "ocdbt", "base": {"driver": "file", "path": f"{item}/"}}


def write_array(item, name, dtype, shape, chunks):
    metadata = {"shape": shape, "chunks": chunks, "dtype": dtype}
    spec = {"driver": "zarr", "kvstore": {**store(item), "path": f"{name}/"}, "metadata": metadata}
    ts.open(spec, create=True, delete_existing=True).result()


def damage_data(item, damage):
    """Puts `damage` in the place of each file of data, of which some may be superseded by others."""
    for file in (item / "ocdbt.process_0/d").iterdir():
        file.write_bytes(damage(file.read_bytes()))


def overwrite(file):
    file.write_bytes(b"x" * file.stat().st_size)


DAMAGES = {  # (what happens to the folder, what the error says)
    "manifest overwritten": (lambda folder: overwrite(folder / "params/manifest.ocdbt"), "params: the checkpoint is damaged"),
    "manifest gone": (lambda folder: (folder / "ema/manifest.ocdbt").unlink(), "ema: the checkpoint is damaged"),
    "data overwritten": (
        lambda folder: damage_data(folder / "ema", lambda data: b"x" * len(data)),
        "ema: the checkpoint is damaged",
    ),
    "data emptied": (
        lambda folder: damage_data(folder / "params", lambda data: b""),
        "params: the checkpoint is damaged",
    ),
    "data gone": (lambda folder: shutil.rmtree(folder / "params/ocdbt.process_0"), "params: the checkpoint is damaged"),
    "config empty": (lambda folder: (folder / "config/metadata").write_text(""), "config/metadata: the checkpoint is damaged"),
    "config a list": (lambda folder: (folder / "config/metadata").write_text("[1]"), "expected a JSON object"),
    "config gone": (lambda folder: (folder / "config/metadata").unlink(), "No such file"),
    "config deep": (lambda folder: (folder / "config/metadata").write_text("[" * 100_000), "config/metadata: the checkpoint"),
    "metrics not UTF-8": (lambda folder: (folder / "metrics/metrics").write_bytes(b'{"\xff": 1}'), "metrics/metrics: the"),
    "no optimizer": (lambda folder: shutil.rmtree(folder / "optimizer"), "not a checkpoint"),
    "no step": (lambda folder: (folder / "optimizer/manifest.ocdbt").unlink(), "optimizer: the checkpoint is damaged"),
    "an array of 40 gigabytes": (
        lambda folder: write_array(folder / "params", "generator.huge", "<f4", [100_000, 100_000], [1, 1]),
        "params: 4000.* bytes found; expected at most 2147483648",
    ),
    "a chunk of 40 gigabytes": (
        lambda folder: write_array(folder / "ema", "generator.huge", "<f4", [2, 2], [100_000, 100_000]),
        "stored in pieces of",
    ),
    "another type": (lambda folder: write_array(folder / "ema", "generator.x", "<i4", [2], [2]), "generator/x is int32"),
    "a name of no network": (lambda folder: write_array(folder / "ema", "x", "<f4", [2], [2]), "'x' found; expected paths"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_is_one_line(checkpoint, capfd, kind):
    damage, message = DAMAGES[kind]
    damage(checkpoint)
    with pytest.raises(UserError, match=message) as caught:
        load_weights(checkpoint)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in capfd.readouterr().err


def test_values_that_are_not_finite_are_refused(checkpoint):
    spec = {"driver": "zarr", "kvstore": {**store(checkpoint / "ema"), "path": "generator.skip_weight/"}}
    ts.open(spec, write=True).result().write(np.float32(np.nan)).result()
    with pytest.raises(UserError, match="generator/skip_weight holds values that are not finite"):
        load_weights(checkpoint)


def test_the_config_comes_back(trained):
    written = json.loads(((trained / "best").resolve() / "config/metadata").read_text())
    assert load_checkpoint(trained / "best").config == written
