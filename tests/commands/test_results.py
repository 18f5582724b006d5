"""The page of results, from weights that know nothing."""

import argparse

import pytest

from lpasrn_jax.commands import results
from lpasrn_jax.errors import UserError
from lpasrn_jax.weights.bundle import save_bundle
from lpasrn_jax.weights.load import load_weights
from tests.given_tracks import write_track
from tests.random_bundle import part, random_bundle


def flags(tmp_path, *arguments):
    parser = argparse.ArgumentParser()
    results.add_arguments(parser)
    paths = ["--out", str(tmp_path / "page.md"), "--workdir", str(tmp_path / "work")]
    return parser.parse_args([*paths, "--tracks", "4", "--seed", "5", *arguments])


def test_the_page_has_every_table(tmp_path, rng, monkeypatch, capsys):
    monkeypatch.setattr(results, "SENSITIVITY_PLATES", 2)
    monkeypatch.setattr("lpasrn_jax.evaluation.strangers.STRANGERS", {})
    path = str(save_bundle(tmp_path / "mine", random_bundle()))
    write_track(tmp_path / "given/near/ABC1234", rng, frames=2)
    given = ("--given", str(tmp_path / "given"))
    results.run(flags(tmp_path, "--weights", path, *given))
    page = (tmp_path / "page.md").read_text()
    for said in ("4 synthetic tracks", "seed 5", "2 plates of the same set"):
        assert said in page
    assert page.count(f"## {path}") == page.count(f"| {path} |") == 1
    for heading in ("HR, crop margin", "HR, rotation", "HR, exposure gain", "LR height, one frame", "LR height, five frames"):
        assert page.count(f"| {heading} |") == 1
    before = (tmp_path / "mine.safetensors").read_bytes()
    assert "### Given tracks: near\n" in page
    results.run(flags(tmp_path, "--weights", path, *given, "--to-cards"))
    assert (tmp_path / "mine.safetensors").read_bytes() == before
    card = load_weights(path).about["results"]
    psnr, low, high = card["figures"]["psnr over bicubic"]["sr"]
    assert low <= psnr <= high
    assert f"{psnr:+.2f} dB" in page
    assert {*card["figures"]["tracks wholly right by group"]} == {"Brazilian", "Mercosur", "Scenario-A", "Scenario-B"}
    assert card["figures"]["plates wholly right by LR height"].keys() == {"2 synthetic, one frame", "2 synthetic, five frames"}
    of_given = card["figures"]["given tracks, right and readings"]
    assert {name: count for name, (_, count) in of_given.items()} == {"near, HR": 1, "near, one frame": 2, "near, all frames": 1}
    assert f"wrote {tmp_path / 'page.md'}" in capsys.readouterr().out


def test_weights_without_an_ocr_are_refused(tmp_path):
    path = save_bundle(tmp_path / "half", part(random_bundle(), "generator"))
    with pytest.raises(UserError, match="holds generator; give weights with a generator and an OCR"):
        results.run(flags(tmp_path, "--weights", str(path)))


def test_photographs_need_their_labels(tmp_path):
    with pytest.raises(UserError, match="one found without the other"):
        results.run(flags(tmp_path, "--photographs", str(tmp_path)))
