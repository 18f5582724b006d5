"""The miner's sums by hand, and that what is learned about an example goes to that example and decides its sampling rate."""

import contextlib
import dataclasses
import itertools
import math
import zlib

import numpy as np
import orbax.checkpoint as ocp
import pytest
from scipy import stats

from configs import base
from lpasrn_jax.data import lp_tracks, pipeline
from lpasrn_jax.errors import UserError
from lpasrn_jax.models import PlateModel
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.training import batches
from lpasrn_jax.training.hard_mining import HardExampleMiner
from tests.data.track_folder import write_set


def section(**values):
    config = base.get_config().stage.hard_mining
    config.update(values)
    return config


def miner_of_five(**values):
    """Examples 0, 1 and 2 seen twice with accuracy 1, 0.5 and 0; 3 seen once, 4 never."""
    miner = HardExampleMiner(5, section(**values))
    for _ in range(2):
        miner.update(np.array([0, 1, 2]), np.array([1.0, 0.5, 0.0]))
    miner.update(np.array([3]), np.array([0.0]))
    return miner


def same(one, other):
    return one.keys() == other.keys() and all(
        (one[name].shape, one[name].dtype, one[name].tobytes()) == (other[name].shape, other[name].dtype, other[name].tobytes())
        for name in one
    )


def test_probabilities_by_hand():
    miner = miner_of_five()
    miner.reweight(0.5)
    # p_hard is halfway from 0.1 to 0.8: 0.45. The weights are 0.1**2, 0.6**2, 1.1**2 and twice their mean, 1.58 / 3.
    weights = [0.01, 0.36, 1.21, 1.58 / 3, 1.58 / 3]
    np.testing.assert_allclose(miner.probabilities, [0.55 / 5 + 0.45 * w / (5 * 1.58 / 3) for w in weights], rtol=1e-12)
    np.testing.assert_allclose(miner.probabilities.sum(), 1.0, rtol=1e-12)


def test_an_example_seen_often_enough_has_its_own_weight():
    miner = miner_of_five(min_seen=1)
    miner.reweight(1.0)
    weights = np.array([0.01, 0.36, 1.21, 1.21, 2.79 / 4])
    np.testing.assert_allclose(miner.probabilities, 0.2 / 5 + 0.8 * weights / weights.sum(), rtol=1e-12)


def test_difficulty_counts_by_its_power():
    miner = miner_of_five(difficulty_alpha=1.0, p_hard=(1.0, 1.0))
    miner.reweight(0.0)
    np.testing.assert_allclose(miner.probabilities, [0.1 / 3, 0.6 / 3, 1.1 / 3, 0.2, 0.2], rtol=1e-12)


@pytest.mark.parametrize("values", [{"difficulty_alpha": 0.0}, {"min_seen": 9}])  # no difference counts, none is known
def test_without_differences_all_are_alike(values):
    miner = miner_of_five(**values)
    miner.reweight(1.0)
    np.testing.assert_allclose(miner.probabilities, np.full(5, 0.2), rtol=1e-12)


@pytest.mark.parametrize(("progress", "p_hard"), [(0.0, 0.1), (0.25, 0.275), (1.0, 0.8)])
def test_the_weighted_part_rises_through_the_stage(progress, p_hard):
    miner = miner_of_five()
    miner.reweight(progress)
    assert miner.metrics()["stage4_hard_mining/p_hard"] == pytest.approx(p_hard, rel=1e-12)


def test_it_shuffles_until_the_first_reweighting():
    miner = miner_of_five()
    assert (miner.probabilities, miner.period) == (None, 0)
    for period in (1, 2):
        miner.reweight(0.0)
        assert miner.period == period
        assert miner.probabilities.shape == (5,)


@pytest.mark.parametrize("progress", [-0.1, 1.1, math.nan])
def test_progress_outside_the_stage_is_refused(progress):
    with pytest.raises(ValueError, match=r"progress: .* expected a share of the stage, in \[0, 1\]"):
        miner_of_five().reweight(progress)


def test_the_average_starts_at_the_first_observation_and_keeps_nine_tenths():
    miner = HardExampleMiner(2, section())
    for value, expected in ((0.5, 0.5), (1.0, 0.55), (0.0, 0.495)):
        miner.update(np.array([1]), np.array([value]))
        np.testing.assert_allclose(miner.state()["accuracy"], [0.0, expected], rtol=1e-12)
    assert miner.state()["seen"].tolist() == [0, 3]


def test_an_example_that_is_in_a_batch_twice_counts_twice():
    miner = HardExampleMiner(3, section())
    miner.update(np.array([0, 2, 0, 2]), np.array([1.0, 0.0, 0.0, 1.0], np.float32))
    np.testing.assert_allclose(miner.state()["accuracy"], [0.9, 0.0, 0.1], rtol=1e-12)  # in the order of the batch
    assert miner.state()["seen"].tolist() == [2, 0, 2]


@pytest.mark.parametrize(("indices", "accuracy", "message"), [
    ([0, 5], [0.0, 0.0], r"indices: \[0, 5\] found; expected all in \[0, 5\)"),
    ([0, pipeline.PADDING], [0.0, 0.0], r"indices: \[0, -1\] found"),
    ([0, 1], [0.0, 1.5], r"accuracy: \[0\.0, 1\.5\] found; expected all in \[0, 1\]"),
    ([0, 1], [0.0, math.nan], r"accuracy: \[0\.0, nan\] found"),
    ([0, 1], [0.0], r"indices \(2,\), accuracy \(1,\) found"),
])  # fmt: skip
def test_what_can_be_no_observation_is_refused_whole(indices, accuracy, message):
    miner = miner_of_five()
    before = miner.state()
    with pytest.raises(ValueError, match=message):
        miner.update(np.array(indices), np.array(accuracy))
    assert same(miner.state(), before)


@pytest.mark.parametrize(("key", "value"), [
    ("difficulty_alpha", -1.0),
    ("reweight_interval", 0),
    ("accuracy_decay", 1.0),
    ("min_seen", 0),
    ("p_hard", (0.8, 0.1)),
    ("p_hard", (0.1, 1.1)),
    ("p_hard", (-0.1, 0.5)),
    ("p_hard", (0.5,)),
])  # fmt: skip
def test_a_section_that_makes_no_sense_is_refused_by_its_key(key, value):
    with pytest.raises(UserError, match=rf"stage\.hard_mining\.{key}: .* found; expected"):
        HardExampleMiner(5, section(**{key: value}))


def test_metrics_by_hand():
    miner = HardExampleMiner(40, section(p_hard=(1.0, 1.0), min_seen=1, difficulty_alpha=1.0))
    assert math.isnan(miner.metrics()["stage4_hard_mining/mean_accuracy"])
    miner.update(np.arange(20), np.array([0.0, 0.5] + [1.0] * 18))
    shuffling = {"mean_accuracy": 0.925, "hardest_accuracy": 0.25, "seen_share": 0.5}  # the hardest tenth is two examples
    shuffling |= {"p_hard": 0.0, "effective_examples": 40.0, "max_over_uniform": 1.0}
    assert miner.metrics() == pytest.approx({f"stage4_hard_mining/{name}": value for name, value in shuffling.items()})
    miner.reweight(0.0)
    # Weights 1.1, 0.6, eighteen times 0.1, and the mean of these, 0.175, for the twenty not seen.
    shares = np.array([1.1, 0.6] + [0.1] * 18 + [0.175] * 20) / 7.0
    sampling = {"p_hard": 1.0, "effective_examples": math.exp(stats.entropy(shares)), "max_over_uniform": 40 * 1.1 / 7.0}
    expected = {f"stage4_hard_mining/{name}": value for name, value in (shuffling | sampling).items()}
    assert miner.metrics() == pytest.approx(expected)


def test_one_is_seen_and_it_is_the_hardest_tenth():
    miner = HardExampleMiner(5, section())
    miner.update(np.array([2]), np.array([0.25]))
    assert miner.metrics()["stage4_hard_mining/hardest_accuracy"] == 0.25


@pytest.mark.parametrize("periods", [0, 2])
def test_the_state_goes_through_a_checkpoint_bit_by_bit(tmp_path, periods):
    miner = miner_of_five()
    miner.update(np.array([1, 3]), np.array([1 / 3, 2 / 7]))
    for _ in range(periods):
        miner.reweight(1 / 3)
    resumed = HardExampleMiner(5, section())
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
        checkpointer.save(tmp_path / "miner", args=ocp.args.StandardSave(miner.state()))
        resumed.set_state(checkpointer.restore(tmp_path / "miner", args=ocp.args.StandardRestore(resumed.state())))
    assert same(resumed.state(), miner.state())
    assert resumed.metrics() == miner.metrics()
    assert (resumed.probabilities is None) == (periods == 0)
    for one in (miner, resumed):  # and both go on alike
        one.update(np.array([4, 1]), np.array([3 / 7, 1 / 7]))
        one.reweight(2 / 3)
    assert same(resumed.state(), miner.state())
    assert resumed.period == periods + 1


def test_a_state_being_saved_is_not_touched_by_what_follows():
    miner = miner_of_five()
    resumed = HardExampleMiner(5, section())
    state = miner.state()
    resumed.set_state(state)
    kept = {name: values.copy() for name, values in state.items()}
    for one in (miner, resumed):
        one.update(np.array([1]), np.array([1.0]))
        one.reweight(0.5)
    assert same(state, kept)


def test_the_state_of_other_data_is_refused():
    with pytest.raises(UserError, match=r"knows 5 training examples, the data has 6"):
        HardExampleMiner(6, section()).set_state(miner_of_five().state())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Six tracks, 30 examples."""
    root = write_set(tmp_path_factory.mktemp("mining") / "train")
    return lp_tracks.prepare(root, BRAZIL, tfds_dir=root.parent / "tfds", val_split=0.0)


@pytest.fixture(scope="module")
def reader(prepared):
    return pipeline.FramePairReader(prepared.train, BRAZIL, prepared.scenarios, (8, 24), (16, 48))


def read_right(batch):
    """Stands for the accuracy of each example: numbers in [0, 1) made from their content, and not from their index."""
    examples = zip(batch["lr"], batch["hr"], batch["text"], strict=True)
    return np.array([zlib.crc32(lr.tobytes() + hr.tobytes() + text.tobytes()) / 2**32 for lr, hr, text in examples])


@pytest.mark.parametrize(("order", "num_workers", "count"), [("shuffled", 0, 6), ("shuffled", 2, 6), ("weighted", 0, 30)])
def test_accuracy_goes_to_the_example_that_was_read(reader, order, num_workers, count):
    examples = [reader(index) for index in range(30)]
    expected = read_right({name: [example[name] for example in examples] for name in ("lr", "hr", "text")})
    assert len(set(expected)) == 30
    probabilities = None if order == "shuffled" else np.arange(1, 31) / 465.0
    by_index, by_position = HardExampleMiner(30, section()), HardExampleMiner(30, section())
    for shard in range(2):
        iterator = pipeline.train_batches(
            reader,
            batch_size=5,
            seed=7,
            probabilities=probabilities,
            num_workers=num_workers,
            shard_index=shard,
            shard_count=2,
        )
        with contextlib.closing(iterator):
            for batch in itertools.islice(iterator, count):
                by_index.update(batch["index"], read_right(batch))
                by_position.update(np.arange(5), read_right(batch))
    assert by_index.state()["seen"].min() > 0
    assert by_index.state()["seen"].sum() == 2 * 5 * count
    np.testing.assert_allclose(by_index.state()["accuracy"], expected, rtol=1e-12)
    # what the original fed, positions in the batch, says nothing of the examples
    assert not np.isclose(by_position.state()["accuracy"], expected, rtol=1e-3).any()


@pytest.fixture
def config():
    config = base.get_config()
    config.data.update(lr_size=(8, 24), num_workers=0)
    config.train.batch_size = 30
    return config


def _indices(prepared, config, *arguments):
    return next(training_batches(prepared, config, *arguments))["index"].tolist()


def training_batches(prepared, config, *arguments):
    return batches.training_batches(prepared, PlateModel.from_config(config, ()), config, *arguments)


def test_a_period_draws_by_the_miners_probabilities_and_anew(prepared, config):
    assert sorted(_indices(prepared, config)) == list(range(30))  # the first period shuffles
    miner = HardExampleMiner(30, section(p_hard=(1.0, 1.0), min_seen=1, difficulty_alpha=12.0))
    miner.update(np.arange(30), np.where(np.arange(30) // 10 == 1, 0.0, 1.0))  # of the tracks 2 and 3 nothing is read
    miner.reweight(0.0)
    first, again, second = (_indices(prepared, config, miner.probabilities, period) for period in (1, 1, 2))
    assert set(first) | set(second) <= set(range(10, 20))
    assert first == again
    assert first != second
    config.seed = 1
    assert _indices(prepared, config, miner.probabilities, 1) not in (first, second)


def test_the_first_period_has_the_configs_own_seed(prepared, config):
    reader = pipeline.FramePairReader(prepared.train, BRAZIL, prepared.scenarios, (8, 24), (16, 48))
    config.seed = 3
    expected = next(pipeline.train_batches(reader, batch_size=30, seed=3))["index"].tolist()
    assert _indices(prepared, config, None, 0) == expected


def test_only_the_contrastive_loss_asks_for_another_frame(prepared, config):
    config.stage.loss_components = ("l1",)
    assert "other_hr" not in next(training_batches(prepared, config))
    config.stage.loss_components = ("ctc", "contrastive")
    assert next(training_batches(prepared, config))["other_hr"].shape == (30, 16, 48, 3)
    as_validation = dataclasses.replace(prepared, val=prepared.train)
    assert "other_hr" not in next(batches.validation_batches(as_validation, PlateModel.from_config(config, ()), config))
