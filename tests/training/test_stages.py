"""The five stages one after the other, and stages that are stopped and continued."""

import itertools
import json

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from lpasrn_jax.training.loop import train_and_evaluate
from lpasrn_jax.training.stop import StopRequest
from lpasrn_jax.training.validation import Validation, ValidationResult
from lpasrn_jax.weights.load import load_weights
from lpasrn_jax.weights.orbax import load_checkpoint

NAMES = ("pretrain", "warmup", "lcofl", "finetune", "hard_mining")
FROZEN = {
    "warmup": ("ocr", "embedder"),
    "lcofl": ("ocr", "embedder"),
    "finetune": ("embedder",),
    "hard_mining": ("ocr", "embedder"),
}


def same(a, b):
    return all(jax.tree.leaves(jax.tree.map(lambda x, y: np.array_equal(x, y), a, b)))


@pytest.fixture(scope="module")
def models(staged):
    """The last checkpoint of each stage, and the best that the next one started from."""
    return {name: (load_checkpoint(staged / name / "last"), load_checkpoint(staged / name / "best")) for name in NAMES}


@pytest.mark.parametrize(("before", "stage"), list(itertools.pairwise(NAMES)))
def test_what_a_stage_freezes_stays_bit_equal_and_the_rest_learns(models, before, stage):
    (_, start), (end, _) = models[before], models[stage]
    for name in FROZEN[stage]:
        assert same(start.params[name], end.params[name]), name
    for name in {"generator", "ocr", "embedder"} - {*FROZEN[stage]}:
        assert name not in start.params or not same(start.params[name], end.params[name]), name


def test_a_checkpoint_knows_the_stages_that_led_to_it(models, staged):
    """Those that did: a stage whose best weights are those of its start has not."""
    led = []
    for name in NAMES:
        last, best = models[name]
        assert last.config["lineage"] == [*led, name]
        led += [name] if best.step > 0 else []
        assert best.config["lineage"] == led
    assert (staged / "best").resolve() == (staged / "hard_mining/best").resolve()


def test_the_best_checkpoint_brings_its_calibration(models, staged):
    """Stage 1 reads with the OCR too; all try to fit one, which fails where nothing, or too little, is read right."""
    for name in NAMES:
        metrics, loaded = models[name][1].metrics, load_weights(staged / name / "best")
        if metrics["calibrated"]:
            assert 0.25 < metrics["temperature"] < 16
            assert 0 <= metrics["frame_correlation"] < 1
            assert loaded.calibration == (metrics["temperature"], metrics["frame_correlation"])
        else:
            assert "temperature" not in metrics
            assert loaded.calibration is None
            assert loaded.about["calibrated"] is False


def test_the_baseline_learns_to_read_bicubic_images(tiny_stage, tmp_path):
    train_and_evaluate(tiny_stage("ocr_on_lr"), str(tmp_path))
    found = load_checkpoint(tmp_path / "best")
    assert found.params.keys() == {"ocr"}
    assert {"char_acc", "char_acc/hr", "calibrated"} <= found.metrics.keys()
    assert "char_acc/bicubic" not in found.metrics  # it is what the stage is judged by


def test_the_confusions_of_an_epoch_weigh_the_characters_of_the_next(staged):
    """The last stage has two epochs; its checkpoints know the weights that the counts of the epoch before have made."""
    optimizer = load_item(staged / "hard_mining/last", "optimizer")
    weights = np.asarray(optimizer["class_weights"])
    assert weights.min() >= 1
    assert weights.max() > 1
    assert not np.any(optimizer["confusions"])  # counting has begun anew


def load_item(checkpoint, item):
    """An item of a checkpoint as arrays."""
    return ocp.StandardCheckpointer().restore(checkpoint.resolve() / item)


def test_the_character_loss_reaches_the_generator_through_the_frozen_ocr(staged, tiny_stage, tmp_path):
    """With nothing but the classification loss: no pixel is compared, and the generator still learns."""
    config = tiny_stage(2)
    config.init_from = str(staged / "warmup/best")
    config.stage.loss_components = ("lcofl",)
    config.loss.update(lambda_ssim=0.0, lambda_layout=0.0)
    train_and_evaluate(config, str(tmp_path))
    start, end = load_checkpoint(staged / "warmup/best"), load_checkpoint(tmp_path / "lcofl/last")
    assert same(start.params["ocr"], end.params["ocr"])
    changed = jax.tree.map(lambda a, b: not np.array_equal(a, b), start.params["generator"], end.params["generator"])
    assert np.mean(jax.tree.leaves(changed)) > 0.9


def test_mining_that_is_stopped_continues_bit_by_bit(staged, tiny_stage, tmp_path, monkeypatch):
    config = tiny_stage(4)
    config.init_from = str(staged / "finetune/best")
    steps = load_checkpoint(staged / "hard_mining/last").step
    with monkeypatch.context() as stopping:
        stopping.setattr(StopRequest, "at", lambda self, step: step == steps - 3)  # in the second epoch: draws are weighted
        assert not train_and_evaluate(config, str(tmp_path))["finished"]
    assert load_checkpoint(tmp_path / "hard_mining/last").step == steps - 3
    assert train_and_evaluate(config, str(tmp_path))["finished"]
    for item in ("params", "ema", "optimizer", "miner"):
        stopped, whole = (load_item(run / "hard_mining/last", item) for run in (tmp_path, staged))
        if item == "optimizer":
            stopped, whole = ({**tree, "key": jax.random.key_data(tree["key"])} for tree in (stopped, whole))
        assert same(stopped, whole), item


def test_the_miner_has_seen_every_example_and_draws_by_what_it_saw(staged):
    miner = load_item(staged / "hard_mining/last", "miner")
    assert np.mean(np.asarray(miner["seen"]) > 0) > 0.9
    assert int(miner["period"]) == 2
    accuracy, probabilities = np.asarray(miner["accuracy"]), np.asarray(miner["probabilities"])
    seen = np.asarray(miner["seen"]) > 0
    assert np.argmin(probabilities[seen]) in np.flatnonzero(accuracy[seen] == accuracy[seen].max())


def test_a_stage_that_only_loses_keeps_its_start_and_ties_go_to_the_later_metric(tiny_config, tmp_path, monkeypatch):
    judgements = iter([(0.5, 20.0), (0.4, 30.0), (0.5, 21.0)])

    def judged(self, params):
        word_acc, psnr = next(judgements)
        return ValidationResult({"word_acc": word_acc, "psnr": psnr}, {})

    monkeypatch.setattr(Validation, "__call__", judged)
    tiny_config.train.best_metrics = ("word_acc", "psnr")
    progress = train_and_evaluate(tiny_config, str(tmp_path))
    assert (progress["best"], progress["stale"]) == ([0.5, 21.0], 0)
    best = json.loads((tmp_path / "warmup/best/metrics/metrics").read_text())
    assert (best["word_acc"], best["psnr"]) == (0.5, 21.0)


def test_the_track_stage_makes_one_image_of_all_frames(staged, tiny_stage, tmp_path):
    config = tiny_stage("track")
    config.init_from = str(staged / "hard_mining/best")
    train_and_evaluate(config, str(tmp_path))
    start, end = load_weights(config.init_from), load_checkpoint(tmp_path / "track/last")
    assert "fusion" in end.params
    assert same(start.params["embedder"], end.params["embedder"])
    assert not same(start.params["generator"], end.params["generator"])
    assert np.any(end.params["fusion"]["align"]["deform"]["offset_mask"]["kernel"])  # zeros in a new network
    metrics = load_checkpoint(tmp_path / "best").metrics
    assert {"psnr", "psnr/sr", "psnr/bicubic", "word_acc", "word_acc/sr"} <= metrics.keys()  # fused, one frame, bicubic
    model = load_weights(tmp_path / "best").model
    assert set(model.networks) == {"generator", "fusion", "ocr", "embedder"}
