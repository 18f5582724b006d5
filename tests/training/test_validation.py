"""What validation measures when a config asks for more than it does by itself."""

import pathlib

import jax
import numpy as np
import pytest

from lpasrn_jax import images, runtime
from lpasrn_jax.data import pipeline
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import metrics, strangers
from lpasrn_jax.evaluation.strangers import Stranger
from lpasrn_jax.losses.consistency import consistency
from lpasrn_jax.models import PlateModel
from lpasrn_jax.training import batches
from lpasrn_jax.training.validation import Validation
from tests.clerk import Clerk


def validation(config):
    model = PlateModel.from_config(config, config.stage.networks)
    return Validation(model, batches.prepare_tracks(model, config, pathlib.Path()), config, runtime.data_mesh())


@pytest.fixture
def frames(tiny_config):
    """The validation set, frame by frame."""
    model = PlateModel.from_config(tiny_config, tiny_config.stage.networks)
    tracks = batches.prepare_tracks(model, tiny_config, pathlib.Path())
    return pipeline.FramePairReader(tracks.val, model.plate_format, tracks.scenarios, model.lr_size, model.hr_size)


def test_every_image_metric_and_every_stranger_that_is_asked(tiny_config, frames, monkeypatch):
    clerk = Clerk(frames)
    monkeypatch.setattr(strangers, "STRANGERS", {"Clerk": lambda: Stranger("1.0", clerk.read)})
    tiny_config.train.update(image_metrics=tuple(metrics.IMAGE_METRICS), strangers=("Clerk",))
    validate = validation(tiny_config)
    scores = validate(PlateModel.from_config(tiny_config, ["generator"]).init(jax.random.key(0))).scores
    examples = [frames(i) for i in range(pipeline.num_examples(frames))]
    lr = images.to_float(np.stack([example["lr"] for example in examples]))
    bicubic = images.bicubic_upscale(lr, 2)
    assert scores["consistency/bicubic"] == pytest.approx(float(consistency(bicubic, lr, 2).mean()) * 127.5, rel=1e-4)
    assert {"psnr", "psnr_y/bicubic", "colour_shift", "colour_difference/hr", "blue_shift"} <= scores.keys()
    firsts = range(0, len(examples), pipeline.FRAMES)
    read = [clerk.read(image) for image in images.to_uint8(bicubic)[:: pipeline.FRAMES]]
    right = [text == frames.plate_format.decode(examples[i]["text"]) for text, i in zip(read, firsts, strict=True)]
    assert any(right)
    assert scores["clerk_word_acc/bicubic"] == pytest.approx(np.mean(right))
    assert scores["clerk_word_acc_mapped/bicubic"] >= scores["clerk_word_acc/bicubic"]
    assert 0 <= scores["clerk_word_acc"] <= scores["clerk_edit_acc"] <= 1


@pytest.mark.parametrize(("keys", "message"), [
    ({"image_metrics": ("psnr", "lpips")}, "train.image_metrics: 'lpips' found; expected some of psnr, psnr_y, ssim"),
    ({"strangers": ("EasyOCR",)}, "train.strangers: 'EasyOCR' found; expected some of RapidOCR, Tesseract"),
])  # fmt: skip
def test_what_validation_does_not_know(tiny_config, keys, message):
    tiny_config.train.update(keys)
    with pytest.raises(UserError, match=message):
        validation(tiny_config)


def test_a_stranger_that_is_not_installed_is_an_error_here(tiny_config, monkeypatch):
    def missing():
        raise ModuleNotFoundError("No module named 'rapidocr'")

    monkeypatch.setattr(strangers, "STRANGERS", {"RapidOCR": missing})
    tiny_config.train.strangers = ("RapidOCR",)
    with pytest.raises(UserError, match=r"train\.strangers: RapidOCR can't be used here \(ModuleNotFoundError: No module"):
        validation(tiny_config)
