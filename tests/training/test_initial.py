"""Where a stage's parameters come from."""

import jax
import numpy as np
import pytest

from configs import stage0, stage1, stage2
from lpasrn_jax.errors import UserError
from lpasrn_jax.models import PlateModel
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.training import optim
from lpasrn_jax.training.initial import initial_params
from lpasrn_jax.weights.bundle import Bundle, save_bundle


def tiny(stage):
    config = stage.get_config("quick")
    config.data.lr_size = (8, 24)
    config.model.update(features=8, num_rrdb_blocks=1, growth=4, dense_layers=1, deform_groups=2, msca_num_prototypes=4)
    config.model.ocr.update(widths=(8, 8, 16, 16), heads=2)
    config.loss.embedding_dim = 16
    return config


def start(config, workdir):
    model = model_of(config)
    return initial_params(model, optim.trained_params(model.shapes, config.stage.frozen), config, workdir)


def model_of(config):
    return PlateModel.from_config(config, config.stage.networks)


def stored(path, config, *names, **changes):
    """A bundle at `path` with the config's networks of those names, every parameter 0.5; the path."""
    params = model_of(config).shapes
    halves = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.5, np.float32), {name: params[name] for name in names})
    save_bundle(path, Bundle({**halves, **changes}, {**config.to_dict(), "lineage": ["pretrain", "warmup"]}, {}))
    return str(path)


def is_stored(params):
    return all((leaf == 0.5).all() for leaf in jax.tree.leaves(params))


def test_the_first_stage_starts_at_random_and_has_no_past(tmp_path):
    params, lineage = start(tiny(stage0), tmp_path)
    assert (sorted(params), lineage) == (["embedder", "ocr"], ())
    assert not is_stored(params["ocr"])


@pytest.mark.parametrize(("stage", "name", "command"), [
    (stage1, "pretrain", "python scripts/train.py --config configs/stage0.py --workdir"),
    (stage2, "warmup", "python scripts/train.py --config configs/stage1.py --workdir"),
])  # fmt: skip
def test_a_stage_before_that_was_not_run_is_named_with_its_command(stage, name, command, tmp_path):
    with pytest.raises(UserError, match=f"{name}/best: not found; .* First run `{command} {tmp_path}`"):
        start(tiny(stage), tmp_path)


def test_weights_to_start_from_win_over_the_stage_before(tmp_path):
    config = tiny(stage2)
    config.init_from = stored(tmp_path / "weights", config, "generator", "ocr", "embedder")
    params, lineage = start(config, tmp_path)  # where no stage before has run
    assert is_stored(params)
    assert lineage == ("pretrain", "warmup")


def test_a_stage_may_change_what_the_generator_sees_and_what_finishes_its_image(tmp_path):
    config = tiny(stage1)
    config.init_from = stored(tmp_path / "before.safetensors", config, *model_of(config).networks)
    config.model.light_sigma, config.model.median_limit = 0.25, 12.0
    assert is_stored(start(config, tmp_path).params["generator"])


def test_a_network_that_the_weights_lack_starts_at_random_if_it_is_trained(tmp_path, caplog):
    config = tiny(stage1)
    config.init_from = stored(tmp_path / "weights", config, "ocr", "embedder")
    with caplog.at_level("WARNING"):
        params, _ = start(config, tmp_path)
    assert is_stored(params["ocr"])
    assert not is_stored(params["generator"])
    assert "lacks generator/" in caplog.text


def test_a_network_that_the_weights_lack_and_the_stage_does_not_train_is_an_error(tmp_path):
    config = tiny(stage1)
    config.init_from = stored(tmp_path / "weights", config, "generator", "embedder")
    with pytest.raises(UserError, match="holds embedder, generator, but not all of ocr, which this stage keeps frozen"):
        start(config, tmp_path)


def test_a_backbone_alone_starts_the_embedder(tmp_path):
    config = tiny(stage0)
    whole = model_of(config).shapes["embedder"]
    backbone = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.5, np.float32), whole["backbone"])
    config.init_from = stored(tmp_path / "weights", config, embedder={"backbone": backbone})
    params, _ = start(config, tmp_path)
    assert is_stored(params["embedder"]["backbone"])
    assert not is_stored(params["embedder"]["hidden"])
    assert not is_stored(params["ocr"])


@pytest.mark.parametrize(("change", "override"), [
    ({"model.features": 12}, "--config.model.features=8"),
    ({"model.ocr.heads": 4}, "--config.model.ocr.heads=2"),
    ({"loss.embedding_dim": 32}, "--config.loss.embedding_dim=16"),
    ({"loss.use_lightweight_embedder": False}, "--config.loss.use_lightweight_embedder=True"),
])  # fmt: skip
def test_weights_of_another_model_name_the_override_that_fits(change, override, tmp_path):
    config = tiny(stage2)
    config.init_from = stored(tmp_path / "weights", config, "generator", "ocr", "embedder")
    config.update_from_flattened_dict(change)
    with pytest.raises(UserError, match=f"is of another model; give {override}$"):
        start(config, tmp_path)


@pytest.mark.parametrize(("stored_plates", "message"), [
    ({"alphabet": BRAZIL.alphabet[::-1]}, f"the OCR reads the alphabet {BRAZIL.alphabet[::-1]}, this model {BRAZIL.alphabet}"),
    ({"layouts": {"short": "LLLNNN"}}, "the OCR reads plates of 6 characters, this model of 7"),
])  # fmt: skip
def test_weights_of_another_plate_format_are_refused(stored_plates, message, tmp_path):
    """Also where every shape fits, as with the same letters in another order."""
    config, other = tiny(stage2), tiny(stage2)
    other.plates = {**BRAZIL.config(), **stored_plates}
    config.init_from = stored(tmp_path / "weights", other, "generator", "ocr", "embedder")
    with pytest.raises(UserError, match=message):
        start(config, tmp_path)


def test_a_network_that_the_weights_do_not_hold_may_be_of_any_kind(tmp_path):
    config = tiny(stage1)
    config.init_from = stored(tmp_path / "weights", config, "ocr", "embedder")
    config.model.features = 12
    assert "generator" in start(config, tmp_path).params
