"""Judging a checkpoint: the figures, the report, and what it refuses."""

import json

import jax
import numpy as np
import pytest

from lpasrn_jax import images
from lpasrn_jax.data import lp_tracks, pipeline
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import report
from lpasrn_jax.evaluation.evaluate import evaluate, score_images
from lpasrn_jax.models.generator import Generator, generator_config
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.weights.bundle import Bundle, save_bundle


@pytest.fixture(scope="module")
def reader(tracks_root, tmp_path_factory):
    tracks = lp_tracks.prepare(tracks_root, BRAZIL, tfds_dir=tmp_path_factory.mktemp("tfds"), val_split=1.0)
    return pipeline.FramePairReader(tracks.val, BRAZIL, tracks.scenarios, (8, 24), (16, 48))


@pytest.fixture(scope="module")
def generator():
    return Generator(features=8, num_rrdb_blocks=1, growth=4, dense_layers=1, use_character_attention=False, use_deformable=False)


def test_every_frame_is_scored_once_and_by_itself(generator, reader):
    params = generator.init(jax.random.key(0), np.zeros((1, 8, 24, 3), np.float32))["params"]
    made, scores = score_images(generator, params, reader)
    assert len(scores["psnr"]["sr"]) == len(made["sr"]) == pipeline.num_examples(reader) == 200
    example = reader(137)
    np.testing.assert_array_equal(images.to_uint8(made["hr"][137]), example["hr"])
    squared_error = np.mean(((made["bicubic"][137] - made["hr"][137]) / 2) ** 2)
    np.testing.assert_allclose(scores["psnr"]["bicubic"][137], -10 * np.log10(squared_error), rtol=1e-4)


def test_rows_go_from_the_largest_gain_to_the_smallest():
    assert report.rows_by_gain(np.array([0.5, 3.0, -1.0, 2.0, 1.0]), 3).tolist() == [1, 4, 2]
    assert report.rows_by_gain(np.array([0.5, 3.0]), 12).tolist() == [1, 0]


def test_the_report_and_the_figures_agree(trained, tracks_root, tmp_path):
    found = evaluate(str(trained / "best"), str(tracks_root), str(tmp_path / "out"), tfds_dir=str(tmp_path / "tfds"))
    assert json.loads((tmp_path / "out/metrics.json").read_text()) == found
    assert (found["tracks"], found["frames"]) == (40, 200)
    text = (tmp_path / "out/report.md").read_text()
    assert f"| PSNR, dB | {found['psnr']['bicubic']:.2f} | {found['psnr']['sr']:.2f} |" in text
    assert (tmp_path / "out" / report.PICTURE).stat().st_size > 10_000


def test_a_split_without_tracks(trained, tracks_root, tmp_path):
    with pytest.raises(UserError, match="--split=test: expected one of all, train, val"):
        evaluate(str(trained / "best"), str(tracks_root), str(tmp_path), split="test")


def test_weights_from_elsewhere_are_judged_on_all_tracks(generator, tracks_root, tmp_path):
    params = {"generator": generator.init(jax.random.key(0), np.zeros((1, 8, 24, 3), np.float32))["params"]}
    config = {"model": generator_config(generator), "plates": BRAZIL.config()}
    path = str(save_bundle(tmp_path / "imported", Bundle(params, config, {})))
    with pytest.raises(UserError, match="--split=val: these weights were not trained here"):
        evaluate(path, str(tracks_root), str(tmp_path), split="val", tfds_dir=str(tmp_path))
    assert evaluate(path, str(tracks_root), str(tmp_path / "out"), tfds_dir=str(tmp_path))["frames"] == 200


@pytest.mark.parametrize("path", ["nothing", "."])
def test_a_path_without_a_checkpoint(tmp_path, path):
    with pytest.raises(UserError, match="not a checkpoint; give the folder of one|no such weights"):
        evaluate(str(tmp_path / path), "data", str(tmp_path))
