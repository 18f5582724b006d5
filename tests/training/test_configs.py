"""The five stages: what each is, how one follows the other, and what they share."""

import functools
import importlib
import itertools
import pathlib
from typing import NamedTuple

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from configs.release.stages import STAGES
from lpasrn_jax.errors import UserError
from lpasrn_jax.losses import compose
from lpasrn_jax.models import PlateModel
from lpasrn_jax.training import optim

ROOT = pathlib.Path(__file__).parents[2]
STEPS = 10  # per epoch
PRESETS = ("", "quick")
NUMBERS = range(5)


class Row(NamedTuple):
    """A stage as it is meant to be; `trains` and `frozen` name networks, `rates` the learning rate at the start of epochs."""

    name: str
    trains: set[str]
    frozen: set[str]
    losses: tuple[str, ...]
    epochs: int
    rates: dict[float, float]
    weight_decay: float


def falling(lr):
    """A tenth less every five epochs."""
    return {0: lr, 4.9: lr, 5: 0.9 * lr, 9.9: 0.9 * lr, 10: 0.81 * lr, 27: 0.59049 * lr}


READING = ("ctc", "slots")
# The embedder is carried from stage 0 to stage 4, which alone asks it, and stays as it is on the way.
TABLE = (
    Row("pretrain", {"ocr", "embedder"}, set(), (*READING, "contrastive"), 50,
        {0: 0.0, 2.5: 5e-4, 5: 1e-3, 27.5: 5e-4, 50: 0.0}, 0.05),
    Row("warmup", {"generator"}, {"ocr", "embedder"}, ("l1",), 30, falling(1e-4), 0.0),
    Row("lcofl", {"generator"}, {"ocr", "embedder"}, ("l1", "lcofl"), 300, falling(1e-4), 0.0),
    Row("finetune", {"generator", "ocr"}, {"embedder"}, ("l1", "lcofl", *READING), 150, falling(1e-5), 0.0),
    Row("hard_mining", {"generator"}, {"ocr", "embedder"}, ("l1", "lcofl", "embedding"), 50, falling(5e-6), 0.0),
)  # fmt: skip
stages = pytest.mark.parametrize(("number", "row"), list(enumerate(TABLE)), ids=[row.name for row in TABLE])
presets = pytest.mark.parametrize("preset", PRESETS)


def config_of(number, preset=""):
    return importlib.import_module(f"configs.stage{number}").get_config(preset)


@functools.cache
def shapes(number, preset):
    """Of the parameters of the stage's networks."""
    config = config_of(number, preset)
    return PlateModel.from_config(config, config.stage.networks).shapes


@stages
def test_it_trains_and_freezes_whole_networks(number, row):
    trained = optim.trained_params(shapes(number, "quick"), config_of(number).stage.frozen)
    found = {name: set(jax.tree.leaves(tree)) for name, tree in trained.items()}
    assert found == {name: {True} for name in row.trains} | {name: {False} for name in row.frozen}


@stages
def test_its_losses_and_its_length(number, row):
    stage = config_of(number).stage
    assert (stage.name, stage.loss_components, stage.epochs) == (row.name, row.losses, row.epochs)
    assert stage.hard_mining.enabled == (row.name == "hard_mining")
    compose.check_components(stage)


@pytest.mark.parametrize(("number", "reads"), [(0, ("hr",)), (3, ("hr", "sr"))])
def test_what_teaches_the_ocr(number, reads):
    stage = config_of(number).stage
    assert stage.reads == reads
    assert set(reads) <= set(compose.images_read(stage))


@stages
def test_its_learning_rate_and_weight_decay(number, row):
    stage = config_of(number).stage
    schedule = optim.create_schedule(stage, STEPS)
    rates = [float(schedule(round(epoch * STEPS))) for epoch in row.rates]
    np.testing.assert_allclose(rates, list(row.rates.values()), rtol=1e-5, atol=1e-12)
    assert stage.weight_decay == row.weight_decay


@stages
def test_what_all_stages_have_alike(number, row):
    train = config_of(number).train
    assert (train.grad_clip, train.early_stop, train.ema_decay) == (1.0, 30, 0.999)
    assert train.best_metrics[0] == "word_acc"


@presets
@pytest.mark.parametrize("number", NUMBERS)
def test_it_starts_from_the_stage_before(number, preset):
    after = config_of(number, preset).stage.after.to_dict()
    if number == 0:
        assert after == {"name": "", "config": ""}
    else:
        assert after == {"name": TABLE[number - 1].name, "config": f"configs/stage{number - 1}.py"}
        assert (ROOT / after["config"]).is_file()


@presets
@pytest.mark.parametrize("number", NUMBERS[1:])
def test_the_weights_of_the_stage_before_fit(number, preset):
    config, first = config_of(number, preset), config_of(0, preset)
    for section in ("plates", "data", "model", "loss"):
        assert config[section].to_dict() == first[section].to_dict(), section
    mine, earlier = shapes(number, preset), shapes(0, preset)
    assert {name: mine[name] for name in earlier} == earlier


@presets
@pytest.mark.parametrize("number", NUMBERS[1:])
def test_an_override_means_the_same_in_every_stage(number, preset):
    mine, first = (flatten_dict(config_of(n, preset).to_dict(), sep=".") for n in (number, 0))
    assert {key: type(value) for key, value in mine.items()} == {key: type(value) for key, value in first.items()}


@pytest.mark.parametrize("number", NUMBERS)
def test_quick_is_small_and_short(number):
    quick, full = config_of(number, "quick"), config_of(number)
    size, full_size = ({name: count(tree) for name, tree in shapes(number, preset).items()} for preset in ("quick", ""))
    assert size.keys() == full_size.keys()
    for name in size:
        assert size[name] < full_size[name] / 20, name
    assert quick.stage.epochs <= full.stage.epochs / 5
    assert quick.train.batch_size < full.train.batch_size
    assert (quick.data.num_workers, quick.data.augment.enabled) == (0, False)
    optim.create_schedule(quick.stage, STEPS)  # its warm-up ends before the stage does
    assert quick.stage.hard_mining.reweight_interval <= quick.stage.epochs or not quick.stage.hard_mining.enabled


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("number", NUMBERS)
def test_quick_changes_sizes_and_lengths_and_adds_consistency_where_pixels_are_taught(number):
    quick, full = (flatten_dict(config_of(number, preset).stage.to_dict(), sep=".") for preset in ("quick", ""))
    added = ("consistency",) if "l1" in full["loss_components"] else ()
    assert quick.pop("loss_components") == full.pop("loss_components") + added
    changed = {key for key in full if quick[key] != full[key]}
    sizes = {"epochs", "lr", "decay", "decay_epochs", "warmup_epochs", "hard_mining.reweight_interval", "hard_mining.min_seen"}
    assert {"epochs", "lr"} <= changed <= sizes


@pytest.mark.parametrize("number", NUMBERS)
def test_each_file_gives_the_commands_that_run_it(number):
    doc = importlib.import_module(f"configs.stage{number}").__doc__
    for preset in PRESETS:
        file = f"configs/stage{number}.py" + (f":{preset}" if preset else "")
        assert f"python scripts/train.py --config {file} --workdir" in doc


@pytest.mark.parametrize("number", NUMBERS)
def test_an_unknown_preset_lists_the_known(number):
    with pytest.raises(UserError, match=r"config preset 'slow' found; expected :quick, :FILE\.yaml, or nothing"):
        config_of(number, "slow")


@presets
def test_the_track_stage_follows_the_five_with_the_same_networks_and_one_more(preset):
    config, last = importlib.import_module("configs.track").get_config(preset), config_of(4, preset)
    for section in ("plates", "data", "model", "loss"):
        assert config[section].to_dict() == last[section].to_dict(), section
    assert config.stage.after.to_dict() == {"name": last.stage.name, "config": "configs/stage4.py"}
    compose.check_components(config.stage)
    assert {"l1", "lcofl", "consistency"} <= set(config.stage.loss_components)
    mine = PlateModel.from_config(config, config.stage.networks).shapes
    assert mine.keys() - shapes(4, preset).keys() == {"fusion"}


@pytest.mark.parametrize("size", ["lite", "base", "full"])
def test_each_stage_of_a_released_recipe_starts_from_the_one_before(size):
    recipe = importlib.import_module(f"configs.release.{size}")
    configs = [recipe.get_config(stage) for stage in STAGES]
    assert [config.stage.after.name for config in configs] == ["", *(config.stage.name for config in configs[:-1])]
    for config, (before, stage) in zip(configs[1:], itertools.pairwise(STAGES), strict=True):
        assert config.stage.after.config == f"configs/release/{size}.py:{before}", stage
        compose.check_components(config.stage)
    # The same networks throughout; only the images of the last stage, which are the ones that users see, end with a median.
    assert [config.model.median_limit for config in configs] == [0.0, 0.0, 0.0, 12.0]
    assert all({**config.model, "median_limit": 0.0} == {**configs[0].model} for config in configs)


def test_a_stage_that_no_recipe_has():
    with pytest.raises(UserError, match=r"configs/release/lite.py:track: no such stage; expected one of pretrain, read_lr"):
        importlib.import_module("configs.release.lite").get_config("track")
