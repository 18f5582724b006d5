"""Readers that nobody here trained: what is made of their texts, and one of them on a synthetic plate."""

import cv2
import numpy as np
import pytest

from lpasrn_jax import images
from lpasrn_jax.data import lp_tracks, pipeline
from lpasrn_jax.evaluation import strangers
from lpasrn_jax.evaluation.answers import answers_table
from lpasrn_jax.evaluation.evaluate import evaluate
from lpasrn_jax.evaluation.evaluator import Evaluator
from lpasrn_jax.evaluation.strangers import STRANGERS, Stranger, map_look_alikes, read_plate
from lpasrn_jax.plates import ALPHABET, BRAZIL
from lpasrn_jax.synthetic.plate import draw_plate
from lpasrn_jax.synthetic.ranges import RANGES
from lpasrn_jax.weights.bundle import save_bundle
from tests.clerk import Clerk
from tests.random_bundle import part, random_bundle


@pytest.mark.parametrize(("text", "pattern", "expected"), [
    ("ABC1234", "LLLNNNN", "ABC1234"),
    ("48CI2O4", "LLLNNNN", "ABC1204"),
    ("A8CIZO4", "LLLNLNN", "ABC1Z04"),
    ("ABCB8SB", "LLLNLNN", "ABC8B58"),
    ("0QD0OQD", "LLLNNNN", "OQD0000"),
    ("W3C9999", "LLLNNNN", "W3C9999"),
    ("ABCI23", "LLLNNNN", "ABCI23"),
    ("ABCI2345", "LLLNNNN", "ABCI2345"),
    ("", "LLLNNNN", ""),
])  # fmt: skip
def test_look_alikes_become_what_the_layout_has_in_their_slot(text, pattern, expected):
    assert map_look_alikes(text, pattern) == expected


def test_only_the_alphabets_characters_are_taken():
    stranger = Stranger("1.0", lambda image: " aBc-1D23\n")
    assert read_plate(stranger, np.zeros((4, 8, 3), np.uint8), ALPHABET) == "ABC1D23"
    assert read_plate(stranger, np.zeros((4, 8, 3), np.uint8), "ABC1]^-") == "ABC-1"


def test_scores_are_one_value_per_plate():
    texts = {"bicubic": ["A8C1234", "XYZ"], "sr": ["ABC1234", "XYZ4567"]}
    scores = strangers.scores(texts, ["ABC1234", "XYZ4567"], ["LLLNNNN", "LLLNNNN"])
    assert {metric: {kind: column.tolist() for kind, column in of.items()} for metric, of in scores.items()} == {
        "edit_acc": {"bicubic": pytest.approx([6 / 7, 3 / 7]), "sr": [1.0, 1.0]},
        "word_acc": {"bicubic": [0.0, 0.0], "sr": [1.0, 1.0]},
        "word_acc_mapped": {"bicubic": [1.0, 0.0], "sr": [1.0, 1.0]},
    }


@pytest.fixture
def set_of_tracks(tracks_root, tfds_dir):
    tracks = lp_tracks.prepare(tracks_root, BRAZIL, tfds_dir=tfds_dir, val_split=0.0)
    return pipeline.FramePairReader(tracks.all, BRAZIL, tracks.scenarios, (8, 24), (16, 48))


@pytest.fixture
def clerk(set_of_tracks, monkeypatch):
    """The only strangers here: one that reads, and one that is not installed."""

    def missing():
        raise ModuleNotFoundError("No module named 'tesseract'\nand more")

    clerk = Clerk(set_of_tracks)
    monkeypatch.setattr(strangers, "STRANGERS", {"Clerk": lambda: Stranger("1.0", clerk.read), "Tesseract": missing})
    return clerk


def test_the_first_frame_of_each_track_is_read(set_of_tracks, clerk):
    opened, left_out = strangers.open_strangers()
    assert left_out == {"Tesseract": "ModuleNotFoundError: No module named 'tesseract'"}
    evaluator = Evaluator(part(random_bundle(), "generator"))
    texts = strangers.read_first_frames(evaluator, set_of_tracks, opened)["Clerk"]
    assert texts.keys() == {"bicubic", "sr", "hr"}
    assert texts["hr"] == [BRAZIL.decode(set_of_tracks(i)["text"]) for i in range(0, 200, 5)]
    made = evaluator.pictures(set_of_tracks, [0, 35 * 5])
    assert [texts["bicubic"][0], texts["bicubic"][35]] == [clerk.read(image) for image in images.to_uint8(made["bicubic"])]


def test_the_report_says_what_strangers_read_and_who_was_left_out(clerk, tracks_root, tfds_dir, tmp_path):
    path = save_bundle(tmp_path / "weights", part(random_bundle(), "generator"))
    options = dict(tfds_dir=str(tfds_dir), with_strangers=True)
    found = evaluate(str(path), str(tracks_root), str(tmp_path / "out"), **options)
    of_clerk = found["strangers"]["Clerk"]
    assert of_clerk["word_acc"]["hr"] == 1.0 > of_clerk["word_acc"]["bicubic"] > of_clerk["word_acc"]["sr"]
    low, high = of_clerk["intervals"]["word_acc"]["sr - bicubic"]
    difference = of_clerk["word_acc"]["sr"] - of_clerk["word_acc"]["bicubic"]
    assert low <= difference <= high < 0
    text = (tmp_path / "out/report.md").read_text()
    bicubic, sr = (f"{of_clerk['word_acc'][kind]:.2%}" for kind in ("bicubic", "sr"))
    row = f" Clerk, plates wholly right | {bicubic} | {sr} | 100.00% | **no**: {difference:.2%} ["
    assert f"| Does a stranger read it better? |{row}" in text
    assert "Clerk, plates wholly right, look-alikes mapped" in text
    assert "Clerk (1.0)" in text
    assert "Tesseract was left out: ModuleNotFoundError: No module named 'tesseract'" in text


@pytest.mark.parametrize(("of_strangers", "reason"), [
    ({}, "not asked: `--strangers`"),
    ({"strangers": {"RapidOCR": {"left_out": "not here"}}}, "none is installed"),
])  # fmt: skip
def test_a_question_that_nobody_was_asked(of_strangers, reason):
    found = {"psnr": {"bicubic": 20.0, "sr": 21.0}, "intervals": {"psnr": {"sr - bicubic": [-0.5, 2.0]}}, **of_strangers}
    lines = answers_table(found).splitlines()
    assert f"| Does a stranger read it better? | {reason} | - | - | - | - |" in lines
    assert "| Do we read it better? | the checkpoint has no OCR | - | - | - | - |" in lines


@pytest.mark.parametrize(("metric", "interval", "answer"), [
    ("psnr", [0.1, 2.0], "**yes**: 1.00 [0.10, 2.00] over bicubic"),
    ("psnr", [-0.1, 2.0], "open: 1.00 [-0.10, 2.00] over bicubic"),
    ("psnr", [-2.0, -0.1], "**no**: 1.00 [-2.00, -0.10] over bicubic"),
    ("consistency", [0.1, 2.0], "**no**: 1.00 [0.10, 2.00] over HR"),
    ("consistency", [-2.0, -0.1], "**yes**: 1.00 [-2.00, -0.10] over HR"),
    ("blue_shift", [0.1, 2.0], "-"),
])  # fmt: skip
def test_an_answer_is_the_side_of_0_on_which_the_interval_lies(metric, interval, answer):
    others = {"psnr": {"bicubic": 20.0}, "consistency": {"bicubic": 2.0, "hr": 20.0}, "blue_shift": {"hr": 3.0}}[metric]
    found = {"psnr": {"bicubic": 20.0, "sr": 21.0}, metric: {**others, "sr": 21.0}}
    found["intervals"] = {name: {"sr - bicubic": interval, "sr - hr": interval} for name in found}
    (line,) = [line for line in answers_table(found).splitlines() if METRIC_TITLES[metric] in line]
    assert line.endswith(f" | {answer} |")


METRIC_TITLES = {"psnr": "PSNR", "consistency": "consistency error", "blue_shift": "blue shift"}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_real_stranger_reads_a_sharp_synthetic_plate(name):
    opened, left_out = strangers.open_strangers([name])
    if name in left_out:
        pytest.skip(f"{name}: {left_out[name]}")
    plate = draw_plate("EFH2345", "Brazilian", "LLLNNNN", RANGES.plate, np.random.default_rng(0))
    hr = cv2.resize(np.uint8(255 * plate), (144, 48), interpolation=cv2.INTER_AREA)
    text = read_plate(opened[name], hr, ALPHABET)
    assert map_look_alikes(text, "LLLNNNN") == "EFH2345"
    assert opened[name].version.split()[-1]
