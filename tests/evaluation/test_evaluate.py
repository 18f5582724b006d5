"""Judging a checkpoint: the figures, the report, and what it refuses."""

import itertools

import jax
import numpy as np
import pytest

from lpasrn_jax import images
from lpasrn_jax.data import lp_tracks, pipeline
from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation import metrics, runs
from lpasrn_jax.evaluation.bootstrap import bootstrap_interval
from lpasrn_jax.evaluation.evaluate import calibration_plates, evaluate
from lpasrn_jax.evaluation.evaluator import BATCH_SIZE, Evaluator
from lpasrn_jax.evaluation.summary import confusions
from lpasrn_jax.models import create_ocr
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.weights.bundle import Bundle, save_bundle
from tests.random_bundle import GENERATOR, OCR, part, small_config


@pytest.fixture(scope="module")
def reader(tracks_root, tfds_dir):
    tracks = lp_tracks.prepare(tracks_root, BRAZIL, tfds_dir=tfds_dir, val_split=0.0)
    return pipeline.FramePairReader(tracks.all, BRAZIL, tracks.scenarios, (8, 24), (16, 48))


def test_every_frame_is_scored_once_and_by_itself(bundle, reader):
    evaluator = Evaluator(part(bundle, "generator"))
    scores = evaluator.frame_results(reader).scores
    assert len(scores["psnr"]["sr"]) == pipeline.num_examples(reader) == 200
    made = evaluator.pictures(reader, [137, 3])
    assert {kind: len(image) for kind, image in made.items()} == {"lr": 2, "bicubic": 2, "sr": 2, "hr": 2}
    for row, index in enumerate((137, 3)):
        np.testing.assert_array_equal(images.to_uint8(made["hr"])[row], reader(index)["hr"])
        for kind in ("bicubic", "sr"):
            squared_error = np.mean(((made[kind][row] - made["hr"][row]) / 2) ** 2)
            np.testing.assert_allclose(scores["psnr"][kind][index], -10 * np.log10(squared_error), rtol=1e-4)


def read_by_hand(slots):
    """The texts of slot logits: of both layouts' best texts the more probable one."""
    slots = np.asarray(slots, np.float64)
    log_probs = slots - np.log(np.exp(slots).sum(axis=-1, keepdims=True))
    texts = []
    for one in log_probs:
        best = []
        for pattern in ("LLLNNNN", "LLLNLNN"):
            allowed = [range(10) if kind == "N" else range(10, 36) for kind in pattern]
            text = [max(allowed[k], key=lambda c, k=k: one[k, c]) for k in range(7)]
            best.append((sum(one[k, text[k]] for k in range(7)), text))
        texts.append(max(best)[1])
    return np.array(texts)


def test_characters_are_counted_as_by_hand(bundle, reader, judged):
    found, _ = judged
    examples = [reader(i) for i in range(200)]
    lr, hr = (images.to_float(np.stack([example[name] for example in examples])) for name in ("lr", "hr"))
    made = {
        "bicubic": images.bicubic_upscale(lr, 2),
        "sr": jax.jit(GENERATOR.apply)({"params": bundle.params["generator"]}, lr),
        "hr": hr,
    }
    text = np.stack([example["text"] for example in examples])
    ocr = jax.jit(create_ocr(OCR, BRAZIL).apply)
    for kind, image in made.items():
        read = read_by_hand(ocr({"params": bundle.params["ocr"]}, image).slots)
        assert len(np.unique(read, axis=0)) > 1  # a reader of its images, not of one text
        np.testing.assert_allclose(found["char_acc"][kind], (read == text).mean(), rtol=1e-6)
        np.testing.assert_allclose(found["word_acc"][kind], (read == text).all(axis=1).mean(), rtol=1e-6)
        if kind == "sr":
            true, seen, times = found["confusions"][0]
            pairs = list(zip(text.ravel(), read.ravel(), strict=True))
            assert times == pairs.count((BRAZIL.alphabet.index(true), BRAZIL.alphabet.index(seen))) > 1
    assert found["char_acc"]["hr"] > 0


def test_the_images_of_each_layout_add_up(judged):
    found, folder = judged
    assert found["images_by_layout"].keys() == {"Brazilian", "Mercosur"}
    tracks = {name: group["tracks"] for name, group in found["by_layout"].items()}
    for metric in ("psnr", "blue_shift"):
        mean = sum(tracks[name] * of[metric]["sr"] for name, of in found["images_by_layout"].items()) / 40
        assert mean == pytest.approx(found[metric]["sr"], rel=1e-4)
    assert "| Mercosur, blue shift of the top fifth, grey levels | - | " in (folder / "report.md").read_text()


def test_nothing_is_compiled_for_each_batch(bundle, judge_bundle, monkeypatch):
    traced = []

    def counted(by_kind, scale):
        traced.append(by_kind["hr"].shape)
        return image_scores(by_kind, scale)

    image_scores = metrics.image_scores
    monkeypatch.setattr(metrics, "image_scores", counted)
    judge_bundle(part(bundle, "ocr"))
    assert traced == [(BATCH_SIZE, 16, 48, 3)]


def test_without_a_generator_bicubic_and_hr_are_read(bundle, judged, judge_bundle):
    found, folder = judge_bundle(part(bundle, "ocr"))
    for metric in ("char_acc", "word_acc"):
        assert found[metric] == pytest.approx({kind: judged[0][metric][kind] for kind in ("bicubic", "hr")})
    assert found["psnr"] == pytest.approx({"bicubic": judged[0]["psnr"]["bicubic"]})
    assert found["consistency"] == pytest.approx({kind: judged[0]["consistency"][kind] for kind in ("bicubic", "hr")})
    text = (folder / "report.md").read_text()
    assert f"| PSNR, dB | {found['psnr']['bicubic']:.2f} [" in text
    assert "The most frequent misreadings in HR:" in text
    assert "SR" not in text


def test_without_an_ocr_nothing_is_read(bundle, judged, judge_bundle):
    found, folder = judge_bundle(part(bundle, "generator"))
    about = {"checkpoint", "step", "stages", "note", "baseline", "data_root", "split", "images", "tracks", "frames"}
    assert found.keys() == {*about, *metrics.IMAGE_METRICS, "intervals", "images_by_layout"}
    text = (folder / "report.md").read_text()
    assert f"| PSNR, dB | {found['psnr']['bicubic']:.2f} [" in text
    assert not any(word in text for word in ("characters", "misread", "true text"))


def test_weights_with_nothing_to_judge(bundle, judge_bundle):
    with pytest.raises(UserError, match=r"weights.safetensors: holds embedder; give one with a generator or an ocr"):
        judge_bundle(Bundle({"embedder": bundle.params["ocr"]}, bundle.config, {}))


def test_confusions_are_the_most_frequent_first():
    text = np.array([[0, 0, 1, 1, 1, 2, 2]])
    read = np.array([[0, 2, 0, 0, 1, 1, 3]])
    assert confusions(text, read, "0123") == [["1", "0", 2], ["0", "2", 1], ["2", "1", 1], ["2", "3", 1]]
    assert confusions(text, text, "0123") == []


@pytest.mark.parametrize(("root", "val_root", "plates"), [
    ("other", "same", "judged"), ("same", "other", "other"), ("same", "", "judged"), ("same", None, "unknown"),
])  # fmt: skip
def test_the_calibration_of_a_run_with_a_root_for_validation_is_of_that_root(tracks_root, tmp_path, root, val_root, plates):
    places = {"same": str(tracks_root), "other": str(tmp_path), "": "", None: str(tmp_path / "gone")}
    assert calibration_plates({"root": places[root], "val_root": places[val_root]}, str(tracks_root), "all") == plates


def test_a_split_without_tracks(tracks_root, tmp_path):
    with pytest.raises(UserError, match="--split=test: expected one of all, train, val"):
        evaluate("weights", str(tracks_root), str(tmp_path), split="test")


def test_the_validation_split_is_the_one_of_training(bundle, judge_bundle):
    found, _ = judge_bundle(part(bundle, "generator"), split="val")
    assert 0 < found["tracks"] < 40


def test_weights_from_elsewhere_are_judged_on_all_tracks(bundle, judge_bundle):
    config = small_config() | {"data": {"lr_size": [8, 24]}}
    imported = Bundle({"generator": bundle.params["generator"]}, config, {})
    with pytest.raises(UserError, match="--split=val: these weights were not trained here"):
        judge_bundle(imported, split="val")
    found, folder = judge_bundle(imported)
    assert (found["frames"], found["stages"], found["step"]) == (200, [], None)
    assert "step" not in (folder / "report.md").read_text()


@pytest.mark.parametrize("path", ["nothing", "."])
def test_a_path_without_a_checkpoint(tmp_path, path):
    with pytest.raises(UserError, match="not a checkpoint; give the folder of one|no such weights"):
        evaluate(str(tmp_path / path), "data", str(tmp_path))


def test_tracks_are_fused_as_by_hand(bundle, reader, judged):
    """Of 40 tracks, each choice of frames is decoded from the sum of its log-probabilities."""
    found, _ = judged
    slots = Evaluator(bundle).frame_results(reader).slots["sr"].astype(np.float64).reshape(40, 5, 7, 36)
    text = np.stack([reader(i)["text"] for i in range(0, 200, 5)])
    for count in (1, 3, 5):
        right = [
            (read_by_hand(slots[:, choice].sum(axis=1)) == text).all(axis=1).mean()
            for choice in itertools.combinations(range(5), count)
        ]
        assert found["track_acc"]["log_probs"][str(count)] == pytest.approx(np.mean(right))
        assert found["track_acc_by_kind"]["sr"][str(count)] == pytest.approx(np.mean(right))


def test_groups_and_shares_add_up(judged):
    found, _ = judged
    for groups in (found["by_layout"], found["by_scenario"]):
        assert len(groups) == 2
        assert sum(group["tracks"] for group in groups.values()) == 40
        mean = sum(group["tracks"] * group["char_acc"]["sr"] for group in groups.values()) / 40
        assert mean == pytest.approx(found["char_acc"]["sr"])
    assert found["at_least"]["5"]["hr"] >= found["at_least"]["6"]["hr"] >= found["word_acc"]["hr"]
    for one in found["confidence"].values():
        assert sum(b["readings"] for b in one["bins"]) == one["readings"]
        assert one["right"] == pytest.approx(sum(b["readings"] * b["right"] for b in one["bins"]) / one["readings"])
    assert [one["readings"] for one in found["confidence"].values()] == [200, 40]
    for by_kind in found["intervals"].values():
        assert all(low <= high for low, high in by_kind.values())


def test_a_reader_trained_on_lr_is_judged_beside(bundle, judged, judge_bundle, tmp_path):
    other = Bundle({"ocr": jax.tree.map(lambda x: x + 0.1, bundle.params["ocr"])}, bundle.config, {})
    path = str(save_bundle(tmp_path / "on_lr", other))
    found, folder = judge_bundle(bundle, baseline=path)
    alone, _ = judge_bundle(other)
    assert found["char_acc"]["baseline"] == alone["char_acc"]["bicubic"]
    assert found["char_acc"]["sr"] == judged[0]["char_acc"]["sr"]
    text = (folder / "report.md").read_text()
    assert "| | bicubic | bicubic, OCR trained on it | SR | HR |" in text
    assert f"read by the OCR `{path}`, which was trained on such" in text


def test_a_baseline_of_other_plates(bundle, judge_bundle, tmp_path):
    with pytest.raises(UserError, match="holds generator; give weights with an ocr"):
        judge_bundle(bundle, baseline=str(save_bundle(tmp_path / "generator", part(bundle, "generator"))))
    larger = Bundle(part(bundle, "ocr").params, {**bundle.config, "data": {"lr_size": [12, 36]}}, {})
    with pytest.raises(UserError, match="of other plates or another image size than --checkpoint"):
        judge_bundle(bundle, baseline=str(save_bundle(tmp_path / "larger", larger)))


def test_two_evaluations_of_the_same_images_are_paired(bundle, judged, judge_bundle):
    other = Bundle({**bundle.params, "ocr": jax.tree.map(lambda x: x + 0.1, bundle.params["ocr"])}, bundle.config, {})
    found, folder = judge_bundle(other, against=str(judged[1] / "metrics.json"))
    assert found["images"] == judged[0]["images"]
    with np.load(folder / "frames.npz") as ours, np.load(judged[1] / "frames.npz") as theirs:
        assert ours["char_acc/sr"].mean() == pytest.approx(found["char_acc"]["sr"])
        differences = ours["char_acc/sr"] - theirs["char_acc/sr"]
        low, high = bootstrap_interval(differences, ours["plates"].tolist())
        assert ours["tracks/3"].mean() == pytest.approx(found["track_acc"]["log_probs"]["3"])
        of_tracks = bootstrap_interval(ours["tracks/3"] - theirs["tracks/3"], ours["plates"].tolist())
    new, old = found["char_acc"]["sr"], judged[0]["char_acc"]["sr"]
    text = (folder / "report.md").read_text()
    assert f"| characters right, SR | {new:.2%} | {old:.2%} | {new - old:+.2%} [{low:+.2%}, {high:+.2%}] |" in text
    gain = found["track_acc"]["log_probs"]["3"] - judged[0]["track_acc"]["log_probs"]["3"]
    assert f"| {gain:+.2%} [{of_tracks[0]:+.2%}, {of_tracks[1]:+.2%}] |" in line_of(text, "tracks wholly right, 3 frames")
    psnr = f"{found['psnr']['bicubic']:.2f}"
    assert f"| PSNR, dB, bicubic | {psnr} | {psnr} | +0.00 [+0.00, +0.00] |" in text


def line_of(text, title):
    """The row of a table in Markdown with that title."""
    return next(line for line in text.split("## Compared")[1].splitlines() if line.startswith(f"| {title} |"))


def test_without_the_frames_a_difference_has_no_interval(judged, judge_bundle, bundle, tmp_path):
    (tmp_path / "other.json").write_text((judged[1] / "metrics.json").read_text())
    _, folder = judge_bundle(bundle, against=str(tmp_path / "other.json"))
    psnr = f"{judged[0]['psnr']['bicubic']:.2f}"
    assert f"| PSNR, dB, bicubic | {psnr} | {psnr} | +0.00 |" in (folder / "report.md").read_text()


def test_evaluations_of_different_images_are_named_and_not_subtracted(bundle, judged, judge_bundle):
    val, folder = judge_bundle(part(bundle, "generator"), split="val", against=str(judged[1] / "metrics.json"))
    assert val["images"] != judged[0]["images"]
    text = (folder / "report.md").read_text()
    told = f"**Different images**, or an evaluation that does not say of which: {val['frames']} frames here (`{val['images']}`)"
    assert told in text
    psnr = f"| {val['psnr']['bicubic']:.2f} | {judged[0]['psnr']['bicubic']:.2f} |"
    assert f"| PSNR, dB, bicubic {psnr}\n" in text


def test_several_runs_have_a_mean_and_a_deviation(judged, judge_bundle, bundle, tmp_path):
    other, _ = judge_bundle(Bundle(jax.tree.map(lambda x: 1.1 * x, bundle.params), bundle.config, {}))
    found = runs.write_runs(tmp_path, [judged[0], other])
    pair = [judged[0]["psnr"]["sr"], other["psnr"]["sr"]]
    assert found["psnr"]["sr"] == pytest.approx({"mean": sum(pair) / 2, "deviation": abs(pair[0] - pair[1]) / 2**0.5})
    shown = f"{found['psnr']['sr']['mean']:.2f} ± {found['psnr']['sr']['deviation']:.2f}"
    assert shown in (tmp_path / "runs.md").read_text()
    assert shown.replace("±", "$\\pm$") in (tmp_path / "runs.tex").read_text()
    line = f"psnr,sr,{found['psnr']['sr']['mean']},{found['psnr']['sr']['deviation']},2"
    assert line in (tmp_path / "runs.csv").read_text().splitlines()
    with pytest.raises(UserError, match="were judged on different images"):
        runs.over_runs([judged[0], {**other, "images": "0"}])


@pytest.mark.parametrize("content", [None, "no JSON", "[]", "{}"])
def test_nothing_to_compare_with(bundle, judge_bundle, tmp_path, content):
    if content is not None:
        (tmp_path / "other.json").write_text(content)
    with pytest.raises(UserError, match=r"--against=.*other.json: .* give the metrics.json of another evaluation"):
        judge_bundle(bundle, against=str(tmp_path / "other.json"))


def test_the_confidence_uses_the_calibration_of_the_weights(bundle, judged, judge_bundle):
    calibration = {"temperature": 5.0, "frame_correlation": 0.5}
    warm, _ = judge_bundle(Bundle(bundle.params, bundle.config, calibration))
    assert warm["calibration"] == calibration
    assert warm["confidence"]["5"]["mean"] < judged[0]["confidence"]["5"]["mean"]
    assert warm["confidence"]["1"]["mean"] < judged[0]["confidence"]["1"]["mean"]
    assert warm["track_acc"] == judged[0]["track_acc"]
