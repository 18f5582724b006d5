"""Tracks of known plates that lie in folders."""

import numpy as np
import pytest

import lpasrn_jax as lp
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import given_tracks, tables
from lpasrn_jax.evaluation.strangers import Stranger
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.weights.bundle import save_bundle
from tests.given_tracks import write_track
from tests.random_bundle import track_bundle


@pytest.fixture
def root(tmp_path, rng):
    write_track(tmp_path / "near/ABC1234", rng, 3)
    write_track(tmp_path / "near/XYZ1B34", rng, 2)
    write_track(tmp_path / "far/ABC1234", rng, 1, hr=False)
    (tmp_path / "near/notes").mkdir()
    return tmp_path


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return lp.load(save_bundle(tmp_path_factory.mktemp("weights") / "track", track_bundle()), device="cpu")


def test_sets_are_folders_of_folders_that_are_named_by_their_texts(root):
    sets = given_tracks.read_sets(str(root), BRAZIL)
    assert {name: [(one.text, len(one.frames), one.hr is not None) for one in of] for name, of in sets.items()} == {
        "far": [("ABC1234", 1, False)],
        "near": [("ABC1234", 3, True), ("XYZ1B34", 2, True)],
    }


def test_what_is_read_is_counted(root, reader):
    near = given_tracks.read_sets(str(root), BRAZIL)["near"]
    read = [reader.read_track(one.frames) for one in near]
    as_read = [given_tracks.GivenTrack(reading.text, *one[1:]) for reading, one in zip(read, near, strict=True)]
    mixed = [as_read[0], given_tracks.GivenTrack("ZZZ9999", *near[1][1:])]
    figures = given_tracks.measure(reader, mixed, {})["readings"]
    assert {name: of["readings"] for name, of in figures.items()} == {"HR": 2, "one frame": 5, "all frames": 2}
    assert figures["all frames"]["right"] == 1
    assert figures["all frames"]["missed"] == [("ZZZ9999", read[1].text)]
    assert figures["all frames"]["confidence"] == pytest.approx(np.mean([one.confidence for one in read]))
    assert "| all frames | 1 of 2 | 50.0% [" in tables.readings_table(figures)


def test_strangers_read_each_kind_of_image(root, reader):
    """One that says Z for 2, which a person who knows the layout does not."""
    near = given_tracks.read_sets(str(root), BRAZIL)["near"][:1]
    measured = given_tracks.measure(reader, near, {"Clerk": Stranger("1", lambda image: "ABC1Z34")})["strangers"]
    assert measured["Clerk"].keys() == {"bicubic", "median", "sr", "fused", "hr"}
    assert measured["Clerk"]["fused"] == {"right": 0, "mapped": 1, "characters": pytest.approx(6 / 7)}
    assert "| Clerk, plates right, look-alikes mapped | 1 | 1 | 1 | 1 | 1 |" in tables.given_strangers_table(measured)


def test_what_is_no_set_is_said(root, rng, tmp_path):
    with pytest.raises(UserError, match="nowhere: no track found; expected folders SET/TEXT"):
        given_tracks.read_sets(str(tmp_path / "nowhere"), BRAZIL)
    (root / "near/ABC1234/lr-001.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"lr-001\.png: is not an image"):
        given_tracks.read_sets(str(root), BRAZIL)
    write_track(root / "a/some plate", rng, 1)
    with pytest.raises(UserError, match="some plate: found as the name of a track's folder; expected the text of a plate: Braz"):
        given_tracks.read_sets(str(root), BRAZIL)
