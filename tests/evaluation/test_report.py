"""The report of an evaluation: tables, sentences, rows, and the main table for programs and papers."""

import csv
import json

import numpy as np
import pytest

from lpasrn_jax.evaluation import metrics, report
from lpasrn_jax.evaluation.evaluate import calibration_plates
from lpasrn_jax.evaluation.evaluator import FrameResults


def test_the_report_and_the_figures_agree(judged):
    found, folder = judged
    assert json.loads((folder / "metrics.json").read_text()) == found
    assert [list(found[metric]) for metric in ("ssim", "char_acc")] == [["bicubic", "sr"], ["bicubic", "sr", "hr"]]
    assert found.keys() >= metrics.IMAGE_METRICS.keys()
    assert (found["tracks"], found["frames"], found["step"]) == (40, 200, 40)
    text = (folder / "report.md").read_text()
    assert "| | bicubic | SR | HR | SR - bicubic |\n|---|---|---|---|---|\n" in text
    rows = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| ")}
    for metric, name, form in (
        ("psnr", "| PSNR, dB", "{:.2f}"),
        ("colour_shift", "| colour shift, Delta E", "{:.2f}"),
        ("char_acc", "| characters right", "{:.2%}"),
    ):
        for kind, value in found[metric].items():
            low, high = (form.format(end) for end in found["intervals"][metric][kind])
            assert f" | {form.format(value)} [{low}, {high}]" in rows[name]
    for rule, by_count in found["track_acc"].items():
        assert f"| {rule} | {by_count['1']:.2%} | {by_count['3']:.2%} | {by_count['5']:.2%} |" in text
    assert "Trained in three stages: pretrain, warmup, lcofl." in text
    assert all(f"| {true} | {read} | {times} |" in text for true, read, times in found["confusions"])
    assert len(found["confusions"]) == 10
    assert (folder / report.PICTURE).stat().st_size > 10_000


def test_the_first_table_answers_what_the_generator_is_worth(judged):
    found, folder = judged
    first = (folder / "report.md").read_text().split("## What the generator is worth")[1].split("## All figures")[0]
    assert "| | | bicubic | SR | HR | answer for SR |" in first
    rows = {line.split(" | ")[1]: line for line in first.splitlines() if line.startswith("| ")}
    figures, intervals = found["psnr"], found["intervals"]["psnr"]["sr - bicubic"]
    difference, (low, high) = figures["sr"] - figures["bicubic"], intervals
    assert high < 0  # random weights
    assert rows["PSNR, dB"].endswith(f" | - | **no**: {difference:.2f} [{low:.2f}, {high:.2f}] over bicubic |")
    assert rows["consistency error, grey levels"].startswith("| Is it true to LR? | ")
    assert "| Does a stranger read it better? | not asked: `--strangers` |" in first
    assert f" | {found['word_acc']['bicubic']:.2%} | " in rows["plates wholly right"]


def test_a_report_without_a_misreading_says_so(judged):
    assert "In SR, no character was misread." in report.report_text({**judged[0], "confusions": []}, slots=7, rows=12)


@pytest.mark.parametrize(("stages", "sentence"), [
    ([], ""),
    (["pretrain"], "Trained in one stage: pretrain."),
    (["a"] * 12, "Trained in 12 stages: a, a"),
])  # fmt: skip
def test_the_report_names_the_stages(judged, stages, sentence):
    text = report.report_text({**judged[0], "stages": stages}, slots=7, rows=12)
    assert sentence in text
    assert ("Trained" in text) == bool(stages)


def test_the_report_says_when_a_stage_improved_nothing(judged):
    note = "hard_mining did not improve on finetune, whose weights these are"
    assert f"Of the weights: {note}\n" in report.report_text({**judged[0], "note": note}, slots=7, rows=12)


@pytest.mark.parametrize(("failed", "sentence"), [
    (False, "as the network has it: no calibration, for the weights have none."),
    (True, "no calibration, for its fit failed in training, where it ended at a bound."),
])  # fmt: skip
def test_the_report_says_that_there_is_no_calibration(judged, failed, sentence):
    assert judged[0]["calibration"] is None
    assert sentence in report.report_text({**judged[0], "calibration_failed": failed}, slots=7, rows=12)


@pytest.mark.parametrize(("root", "split", "plates", "sentence"), [
    ("same", "all", "judged", "These plates are judged here too, so the calibration is shown to be better than it is."),
    ("same", "train", "other", "None of these is judged here."),
    ("other", "all", "other", "None of these is judged here."),
    (None, "all", "unknown", "The weights do not tell whether these are judged here."),
])  # fmt: skip
def test_the_report_says_what_plates_the_calibration_is_of(judged, tracks_root, tmp_path, root, split, plates, sentence):
    place = {"same": tracks_root, "other": tmp_path, None: tmp_path / "gone"}[root]
    assert calibration_plates({"root": str(place)}, str(tracks_root), split) == plates
    calibration = {"temperature": 1.5, "frame_correlation": 0.5}
    found = {**judged[0], "calibration": calibration, "calibration_plates": plates}
    text = report.report_text(found, slots=7, rows=12)
    assert f"at temperature 1.500 and frame correlation 0.500, fitted on plates set apart for it. {sentence}" in text


def test_rows_go_from_the_largest_gain_to_the_smallest():
    assert report.rows_by_gain(np.array([0.5, 3.0, -1.0, 2.0, 1.0]), 3).tolist() == [1, 4, 2]
    assert report.rows_by_gain(np.array([0.5, 3.0]), 12).tolist() == [1, 0]


def test_without_sr_the_rows_go_by_what_is_read_in_bicubic():
    text = np.zeros((3, 4), int)
    read = np.array([[0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 1, 1]])
    results = FrameResults({"psnr": {"bicubic": np.array([3.0, 2.0, 1.0])}}, {}, {}, {}, {}, text, text[:, 0], text[:, 0])
    assert report.rows_to_show(results, {"bicubic": read}).tolist() == [1, 2, 0]


def test_each_character_has_its_share_read_right(judged):
    characters = judged[0]["characters"]
    assert sum(one["times"] for one in characters.values()) == 200 * 7
    for kind in ("bicubic", "sr", "hr"):
        right = sum(one["times"] * one["right"][kind] for one in characters.values())
        assert right / (200 * 7) == pytest.approx(judged[0]["char_acc"][kind])
    assert all((one["taken_for"] == "") == (one["right"]["sr"] == 1) for one in characters.values())
    text = (judged[1] / "report.md").read_text()
    assert "| character | times | bicubic | SR | HR | in SR taken for |" in text


def test_the_main_table_is_there_for_programs_and_papers(judged):
    found, folder = judged
    lines = list(csv.DictReader((folder / "main.csv").read_text().splitlines()))
    by_name = {(line["metric"], line["image"]): line for line in lines}
    assert float(by_name["psnr", "sr"]["mean"]) == found["psnr"]["sr"]
    assert float(by_name["psnr", "sr - bicubic"]["mean"]) == found["psnr"]["sr"] - found["psnr"]["bicubic"]
    low, high = found["intervals"]["word_acc"]["hr"]
    assert (float(by_name["word_acc", "hr"]["low"]), float(by_name["word_acc", "hr"]["high"])) == (low, high)
    latex = (folder / "main.tex").read_text()
    assert latex.startswith("\\begin{tabular}{lrrr}\n\\toprule\n & bicubic & SR & HR \\\\\n")
    assert f"plates wholly right & {found['word_acc']['bicubic']:.2%} &".replace("%", "\\%") in latex
    assert latex.count(" & ") % 3 == 0
