"""Evaluation of weights that make one image of a track's frames."""

import jax
import numpy as np
import pytest

from lpasrn_jax import images
from lpasrn_jax.evaluation import strangers, tables
from lpasrn_jax.evaluation.evaluate import evaluate, tracks_reader
from lpasrn_jax.evaluation.evaluator import Evaluator
from lpasrn_jax.evaluation.metrics import image_scores
from lpasrn_jax.weights.bundle import save_bundle
from tests.random_bundle import track_bundle


@pytest.fixture(scope="module")
def bundle():
    return track_bundle()


@pytest.fixture(scope="module")
def judged(bundle, tracks_root, tfds_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    path = save_bundle(folder / "weights", bundle)
    return evaluate(str(path), str(tracks_root), str(folder / "out"), tfds_dir=str(tfds_dir)), folder / "out"


def test_images_of_one_three_and_five_frames_are_compared_as_by_hand(bundle, judged, tracks_root, tfds_dir):
    metrics, folder = judged
    by_frames = metrics["fused_by_frames"]
    assert by_frames["psnr"] | {"3": None} == {"1": metrics["psnr"]["sr"], "3": None, "5": metrics["psnr"]["fused"]}
    assert by_frames["word_acc"] | {"3": None} == {"1": metrics["word_acc"]["sr"], "3": None, "5": metrics["word_acc"]["fused"]}
    reader = tracks_reader(bundle, str(tracks_root), "all", str(tfds_dir))
    examples = [reader(i) for i in range(200)]

    @jax.jit
    def psnr_of_three(frames, hr):
        fused = bundle.model.enlarge_track(bundle.params, frames[None, :3], np.ones((1, 3), bool))
        return image_scores({"fused": fused, "hr": hr[None]}, 2, ("psnr",))["psnr"]["fused"][0]

    of_three = [psnr_of_three(images.to_float(one["track"]), images.to_float(one["hr"])) for one in examples]
    assert by_frames["psnr"]["3"] == pytest.approx(np.mean(of_three), abs=1e-3)
    assert tables.fused_table(by_frames) in (folder / "report.md").read_text()


def test_only_frames_vote(judged):
    """A fused image has seen all frames: three of them are not an image from three frames."""
    assert judged[0]["track_acc_by_kind"].keys() == {"bicubic", "sr", "hr"}


def test_strangers_read_the_fused_image_too(bundle, tracks_root, tfds_dir):
    reader = tracks_reader(bundle, str(tracks_root), "all", str(tfds_dir))
    stranger = strangers.Stranger("1.0", lambda image: str(int(image.sum())))
    evaluator = Evaluator(bundle)
    texts = strangers.read_first_frames(evaluator, reader, {"Adder": stranger})["Adder"]
    assert texts.keys() == {"bicubic", "sr", "fused", "hr"}
    fused = images.to_uint8(evaluator.pictures(reader, [0, 5, 10])["fused"])
    assert texts["fused"][:3] == [str(int(image.sum())) for image in fused]
