"""Figures of texts, worked out by hand."""

import jax
import numpy as np

from lpasrn_jax.evaluation import metrics
from lpasrn_jax.losses.consistency import downsample
from lpasrn_jax.models import PlateModel, create_ocr
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.reading.decode import Decoded
from tests.models.random_params import images, random_values
from tests.random_bundle import OCR, small_config

TEXT = np.array([[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]])
READ = np.array([[0, 1, 2, 3], [0, 2, 2, 1], [1, 0, 3, 2]])


def test_accuracies_are_one_value_per_example():
    assert metrics.char_accuracy(READ, TEXT).tolist() == [1.0, 0.5, 0.0]
    assert metrics.word_accuracy(READ, TEXT).tolist() == [1.0, 0.0, 0.0]


def test_scores_by_metric_and_kind():
    read = {kind: Decoded(classes, None, None) for kind, classes in (("sr", READ), ("hr", TEXT))}
    scores = jax.tree.map(np.ndarray.tolist, jax.device_get(metrics.text_scores(read, TEXT)))
    assert scores == {
        "char_acc": {"sr": [1.0, 0.5, 0.0], "hr": [1.0, 1.0, 1.0]},
        "word_acc": {"sr": [1.0, 0.0, 0.0], "hr": [1.0, 1.0, 1.0]},
    }


def test_each_image_is_compared_with_what_the_metric_is_about():
    lr, *others = images(2, 8, 24, 3), *(images(2, 16, 48, 3, seed=seed) for seed in range(1, 4))
    by_kind = {"lr": lr, **dict(zip(("bicubic", "sr", "hr"), others, strict=True))}
    scores = metrics.image_scores(by_kind, 2)
    to_hr, to_lr, to_bicubic = ["bicubic", "sr"], ["bicubic", "sr", "hr"], ["sr", "hr"]
    assert {name: list(of_kinds) for name, of_kinds in scores.items()} == {
        "psnr": to_hr,
        "psnr_y": to_hr,
        "ssim": to_hr,
        "consistency": to_lr,
        "colour_difference": to_bicubic,
        "colour_shift": to_bicubic,
        "blue_shift": to_bicubic,
    }
    grey_levels = np.abs(downsample(by_kind["sr"], 2) - lr).mean(axis=(1, 2, 3)) * 127.5
    np.testing.assert_allclose(scores["consistency"]["sr"], grey_levels, rtol=1e-5)
    assert metrics.image_scores(by_kind, 2, ["ssim"]).keys() == {"ssim"}


def test_each_kind_is_read_by_itself():
    model = PlateModel.from_config(small_config(), ["ocr"])
    by_kind = {"sr": images(3, 16, 48, 3), "hr": images(3, 16, 48, 3, seed=1)}
    params = {"ocr": random_values(model.shapes["ocr"])}
    logits = jax.jit(lambda params, by_kind: metrics.ocr_logits(model, params, by_kind))(params, by_kind)
    read = metrics.read_slots(logits, BRAZIL.layout_masks())
    for kind, image in by_kind.items():
        slots = jax.jit(create_ocr(OCR, BRAZIL).apply)({"params": params["ocr"]}, image).slots
        layout = BRAZIL.layout_masks()[np.asarray(read[kind].layout)]
        assert read[kind].classes.tolist() == np.where(layout, slots, -np.inf).argmax(axis=-1).tolist()
