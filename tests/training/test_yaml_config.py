"""YAML files of the guide's form: what they change, and what is said of one that can't be used."""

import re

import pytest
from flax.traverse_util import flatten_dict

from configs import stage0, stage1, stage2, stage3, stage4, track
from lpasrn_jax.errors import UserError


@pytest.fixture
def file(tmp_path):
    return tmp_path / "lp_asrn.yaml"


def changed(file, content, stage=stage4):
    """The keys of the stage's config that the file changes, by their full names, with their new values."""
    file.write_text(content)
    configs = stage.get_config(), stage.get_config(str(file))
    before, after = (flatten_dict(config.to_dict(), sep=".") for config in configs)
    assert before.keys() == after.keys()
    return {key: value for key, value in after.items() if (value, type(value)) != (before[key], type(before[key]))}


def test_a_key_that_is_named_changes_and_no_other(file):
    content = "model:\n  features: 32\n  ocr:\n    heads: 4\ndata:\n  augment:\n    enabled: false\nseed: 7\n"
    assert changed(file, content) == {"model.features": 32, "model.ocr.heads": 4, "data.augment.enabled": False, "seed": 7}


def test_a_stage_takes_its_own_section_alone(file):
    content = "progressive_training: {stage0: {epochs: 3}, stage3: {lr: 0.5}, stage4: {hard_mining: {reweight_interval: 2}}}"
    assert changed(file, content, stage0) == {"stage.epochs": 3}
    assert changed(file, content, stage3) == {"stage.lr": 0.5}
    assert changed(file, content, stage4) == {"stage.hard_mining.reweight_interval": 2}


def test_its_own_section_wins_over_the_one_for_all(file):
    assert changed(file, "stage: {epochs: 3, decay: 0.5}\nprogressive_training: {stage4: {epochs: 4}}") == {
        "stage.epochs": 4,
        "stage.decay": 0.5,
    }


def test_a_stage_follows_the_one_before_under_its_new_name(file):
    content = "progressive_training: {stage3: {name: joint}, stage4: {name: hard}}"
    assert changed(file, content, stage3) == {"stage.name": "joint"}
    assert changed(file, content, stage4) == {"stage.name": "hard", "stage.after.name": "joint"}
    explicit = "progressive_training: {stage4: {after: {name: lcofl}}, stage3: {name: joint}}"
    assert changed(file, explicit) == {"stage.after.name": "lcofl"}


@pytest.mark.parametrize(("content", "expected"), [
    ("progressive_training: {stage4: {lr: 4e-6}}", {"stage.lr": 4e-6}),  # PyYAML takes it for a text: no point
    ("loss: {lambda_embed: 1}", {"loss.lambda_embed": 1.0}),
    ("model: {msca_scales: [1, 5e-1]}", {"model.msca_scales": (1.0, 0.5)}),
    ("data: {lr_size: [16, 48]}", {"data.lr_size": (16, 48)}),
    ("stage: {frozen: []}", {"stage.frozen": ()}),
    ("stage: {reads: [sr]}", {"stage.reads": ("sr",)}),
    ("init_from: runs/a/best", {"init_from": "runs/a/best"}),
    ("", {}),
    ("# nothing yet\n", {}),
    ("loss:\nprogressive_training:\n  stage4:\n", {}),
])  # fmt: skip
def test_values_come_as_the_config_wants_them(file, content, expected):
    assert changed(file, content) == expected


@pytest.mark.parametrize(("content", "message"), [
    ("loss: {lambda_embd: 0.3}", "loss.lambda_embd is unknown; did you mean loss.lambda_embed?"),
    ("modle: {features: 8}", "modle is unknown; did you mean model?"),
    ("model: {lambda_embed: 0.3}", "model.lambda_embed is unknown; did you mean loss.lambda_embed?"),
    ("msca_scales: [1.0]", "msca_scales is unknown; did you mean model.msca_scales?"),
    ("model: {ocr: {width: [8]}}", "model.ocr.width is unknown; did you mean model.ocr.widths?"),
    ("model.features: 8", "model.features is unknown; expected one of data, init_from, loss, model, plates, seed, stage, train, "
                          "preset, progressive_training"),
    ("model: {ocr: {depth: 3}}", "model.ocr.depth is unknown; expected one of blocks_per_stage, heads, transformer_layers, "
                                 "widths"),
    ("loss: {1: 2}", "loss.1 is unknown; expected one of confusion_alpha, .*, use_lightweight_embedder"),
    ("stage4: {epochs: 3}", "stage4 is unknown; did you mean progressive_training.stage4?"),
    ("progressive_training: {stage9: {epochs: 3}}", "progressive_training.stage9 is unknown; expected stage0, stage1, stage2, stage3, stage4, track"),  # noqa: E501
    ("progressive_training: {2: {epochs: 3}}", "progressive_training.2 is unknown; expected stage0, stage1, stage2, stage3, stage4, track"),  # noqa: E501
    ("progressive_training: {stage2: {epcohs: 3}}", "progressive_training.stage2.epcohs is unknown; did you mean "
                                                    "progressive_training.stage2.epochs?"),
    ("progressive_training: {stage4: {difficulty_alpha: 3}}", "progressive_training.stage4.difficulty_alpha is unknown; did you "
                                                              "mean progressive_training.stage4.hard_mining.difficulty_alpha?"),
])  # fmt: skip
def test_an_unknown_key_is_named_with_what_may_be_meant(file, content, message):
    assert_refused(file, content, message)


@pytest.mark.parametrize(("content", "message"), [
    ("model: {features: many}", "model.features is 'many'; expected a whole number"),
    ("model: {features: 8.0}", "model.features is 8.0; expected a whole number"),
    ("model: {features: true}", "model.features is True; expected a whole number"),
    ("model: {use_dcnv4: 1}", "model.use_dcnv4 is 1; expected true or false"),
    ("model: {use_dcnv4: 'yes'}", "model.use_dcnv4 is 'yes'; expected true or false"),
    ("model: {deform_implementation: 3}", "model.deform_implementation is 3; expected a text"),
    ("loss: {lambda_embed: high}", "loss.lambda_embed is 'high'; expected a number"),
    ("loss: {lambda_embed: true}", "loss.lambda_embed is True; expected a number"),
    ("loss: {lambda_embed: }", "loss.lambda_embed is None; expected a number"),
    ("loss: {lambda_embed: [0.3]}", "loss.lambda_embed is [0.3]; expected a number"),
    ("loss: {lambda_embed: {target: 0.3}}", "loss.lambda_embed is {'target': 0.3}; expected a number"),
    ("model: {msca_scales: 0.5}", "model.msca_scales is 0.5; expected a list such as [1.0, 0.5, 0.25]"),
    ("model: {msca_scales: [1.0, half]}", "model.msca_scales is [1.0, 'half']; expected a list such as [1.0, 0.5, 0.25]"),
    ("data: {lr_size: [24, 72.5]}", "data.lr_size is [24, 72.5]; expected a list such as [24, 72]"),
    ("stage: {frozen: ocr}", "stage.frozen is 'ocr'; expected a list such as ['ocr', 'embedder']"),
    ("stage: {reads: [1]}", "stage.reads is [1]; expected a list such as []"),
    ("progressive_training: {stage2: {lr: fast}}", "progressive_training.stage2.lr is 'fast'; expected a number"),
    ("plates: {layouts: {New: 12}}", "plates.layouts has 12; expected a text: put it in quotes"),
    ("plates: {kinds: {V: 0123}}", "plates.kinds has 83; expected a text: put it in quotes"),
    ("plates: {layouts: LLNN}", "plates.layouts is 'LLNN'; expected keys and values"),
    ("preset: slow", "preset is 'slow'; expected quick, or no such key"),
    ("preset: [quick]", "preset is ['quick']; expected quick, or no such key"),
])  # fmt: skip
def test_a_value_of_another_type_is_named_with_the_type_expected(file, content, message):
    assert_refused(file, content, message)


@pytest.mark.parametrize(("content", "message"), [
    ("[model, loss]", "the file is ['model', 'loss']; expected keys and values"),
    ("quick", "the file is 'quick'; expected keys and values"),
    ("loss: 0.3", "loss is 0.3; expected keys and values"),
    ("model: {ocr: [64, 128]}", "model.ocr is [64, 128]; expected keys and values"),
    ("progressive_training: 4", "progressive_training is 4; expected keys and values"),
    ("progressive_training: {stage4: [epochs, 50]}", "progressive_training.stage4 is ['epochs', 50]; expected keys and values"),
    ("progressive_training: {stage3: finetune}", "progressive_training.stage3 is 'finetune'; expected keys and values"),
])  # fmt: skip
def test_a_section_that_is_none_is_named(file, content, message):
    assert_refused(file, content, message)


@pytest.mark.parametrize(("content", "message"), [
    ("loss: [", "not YAML (while parsing a flow node"),
    ("loss:\n\tlambda_embed: 0.3", "not YAML (while scanning for the next token found character '\\t'"),
    ("model: {features: 8}\nloss: {}\nmodel: {scale: 4}", "not YAML ('model' is there twice in "),
    ("loss: {lambda_embed: 0.3, lambda_embed: 0.5}", "not YAML ('lambda_embed' is there twice in "),
    ("model: !!python/object:os.system {}", "not YAML (could not determine a constructor"),
])  # fmt: skip
def test_what_is_no_yaml_is_said_with_its_place(file, content, message):
    assert_refused(file, content, message, ending=r".* line \d+, column \d+\)")


@pytest.mark.parametrize("content", [bytes(range(256)), b"\x00\x01\x02", "modèle: 3".encode("latin-1")])
def test_a_binary_file_is_no_yaml(file, content):
    file.write_bytes(content)
    assert re.fullmatch(f"{file}: not YAML \\(.*\\)", refusal(file))


@pytest.mark.parametrize(("path", "reason"), [("nowhere.yaml", "No such file or directory"), ("folder.yaml", "Is a directory")])
def test_a_file_that_cannot_be_read(tmp_path, path, reason):
    (tmp_path / "folder.yaml").mkdir()
    expected = f"{tmp_path / path}: can't be read ({reason}); expected a YAML file such as lp_asrn.yaml"
    assert refusal(tmp_path / path) == expected


def assert_refused(file, content, message, ending=""):
    """One line that names the file, and then says what `message` says, in which only .* is a pattern."""
    file.write_text(content)
    expected = re.escape(message).replace(re.escape(".*"), ".*")
    assert re.fullmatch(f"{re.escape(str(file))}: {expected}{ending}", refusal(file)), refusal(file)


def refusal(file):
    with pytest.raises(UserError) as raised:
        stage4.get_config(str(file))
    return str(raised.value)


def test_a_file_may_start_from_the_small_size(file):
    file.write_text("preset: quick\nmodel: {features: 24}\nprogressive_training: {stage3: {epochs: 7}}")
    quick = flatten_dict(stage3.get_config("quick").to_dict(), sep=".")
    expected = {**quick, "model.features": 24, "stage.epochs": 7}
    assert flatten_dict(stage3.get_config(str(file)).to_dict(), sep=".") == expected


def test_layouts_and_kinds_replace_those_that_were_there(file):
    file.write_text('plates: {layouts: {German: LLNNNN, Odd: VAN}, kinds: {V: AEIOU}, alphabet: "01AEIOU"}')
    plates = stage4.get_config(str(file)).plates.to_dict()
    assert plates == {"alphabet": "01AEIOU", "layouts": {"German": "LLNNNN", "Odd": "VAN"}, "kinds": {"V": "AEIOU"}}


@pytest.mark.parametrize("stage", [stage0, stage1, stage2, stage3, stage4, track])
def test_the_files_in_configs_are_found_from_anywhere_and_lp_asrn_is_the_guide_s_own_settings(stage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert stage.get_config("lp_asrn.yaml").to_dict() == stage.get_config().to_dict()
    (tmp_path / "lp_asrn.yaml").write_text("seed: 7")  # one of one's own in this folder is meant before that
    assert stage.get_config("lp_asrn.yaml").seed == 7
