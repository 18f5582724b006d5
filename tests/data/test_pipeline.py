"""The order of examples, what is in one, and going on where an iterator was left."""

import contextlib
import dataclasses
import itertools
import pathlib
import sys

import cv2
import numpy as np
import pytest
from scipy import stats

from lpasrn_jax import frames
from lpasrn_jax.data import lp_tracks, pipeline, tracks
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.registration import register
from tests.data.track_folder import write_set

LR_SIZE, HR_SIZE = (24, 72), (48, 144)
WEIGHTED = np.arange(1, 31) / 465.0  # of 30 examples


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("pipeline") / "train")


@pytest.fixture(scope="module")
def reader(root):
    """Six tracks, 30 examples."""
    prepared = lp_tracks.prepare(root, BRAZIL, tfds_dir=root.parent / "tfds", val_split=0.0)
    return pipeline.FramePairReader(prepared.train, BRAZIL, prepared.scenarios, LR_SIZE, HR_SIZE)


@pytest.fixture(scope="module")
def other_frame_reader(reader):
    return dataclasses.replace(reader, with_other_frame=True)


@pytest.fixture(scope="module")
def track_reader(reader):
    return dataclasses.replace(reader, with_track=True)


@dataclasses.dataclass(frozen=True)
class IndexReader:
    """Reads nothing: an example is its index."""

    source: range

    def __call__(self, index, rng=None):
        return {"index": np.int32(index)}


def _indices(batches, count):
    return [batch["index"].tolist() for batch in itertools.islice(batches, count)]


def test_shapes_and_types(reader):
    batch = next(pipeline.train_batches(reader, batch_size=4, seed=0))
    assert {name: (values.shape, values.dtype.name) for name, values in batch.items()} == {
        "lr": ((4, 24, 72, 3), "uint8"),
        "hr": ((4, 48, 144, 3), "uint8"),
        "text": ((4, 7), "int32"),
        "layout": ((4,), "int32"),
        "scenario": ((4,), "int32"),
        "index": ((4,), "int32"),
        "mask": ((4,), "bool"),
    }


def test_an_example_is_the_frame_pair_of_its_index(root, reader):
    by_text = {track.text: track for track in tracks.find_tracks(root, BRAZIL).tracks}
    for index in range(pipeline.num_examples(reader)):
        example = reader(index)
        track = by_text[BRAZIL.decode(example["text"])]
        assert reader.source[index // 5]["track"].decode() == track.name
        lr, hr = track.lr[index % 5], track.hr[index % 5]
        np.testing.assert_array_equal(example["lr"], frames.frame_array(lr.read(), lr.corners, LR_SIZE))
        np.testing.assert_array_equal(example["hr"], frames.frame_array(hr.read(), hr.corners, HR_SIZE))
        assert BRAZIL.layout_names[example["layout"]] == track.layout
        assert reader.scenarios[example["scenario"]] == track.scenario
        assert example["index"] == index
        assert example["mask"]


def test_only_the_two_frames_of_an_example_are_decoded(reader, monkeypatch):
    decoded = []
    decode = frames.decode_image
    monkeypatch.setattr(frames, "decode_image", lambda encoded: decoded.append(encoded) or decode(encoded))
    reader(7)
    assert decoded == [reader.source[1]["lr"][2], reader.source[1]["hr"][2]]


def test_the_other_frame_is_the_tracks_next_and_after_the_last_the_first(reader, other_frame_reader):
    for index in range(pipeline.num_examples(reader)):
        example = other_frame_reader(index)
        track, frame = divmod(index, 5)
        np.testing.assert_array_equal(example.pop("other_hr"), reader(5 * track + [1, 2, 3, 4, 0][frame])["hr"])
        for name, values in reader(index).items():  # and the rest is as without it
            np.testing.assert_array_equal(example.pop(name), values)
        assert not example


def test_the_other_frame_comes_in_batches(other_frame_reader):
    batch = next(pipeline.train_batches(other_frame_reader, batch_size=4, seed=0))
    assert (batch["other_hr"].shape, batch["other_hr"].dtype.name) == ((4, 48, 144, 3), "uint8")


@pytest.mark.parametrize("probabilities", [None, WEIGHTED], ids=["shuffled", "weighted"])
def test_the_seed_decides_the_order(reader, probabilities):
    one, again, other = (
        _indices(pipeline.train_batches(reader, batch_size=6, seed=seed, probabilities=probabilities), 5) for seed in (0, 0, 1)
    )
    assert one == again
    assert one != other


def test_each_example_once_an_epoch_and_epochs_differ(reader):
    batches = _indices(pipeline.train_batches(reader, batch_size=10, seed=3), 9)
    epochs = [sum(batches[i : i + 3], []) for i in (0, 3, 6)]  # noqa: RUF017
    assert all(sorted(epoch) == list(range(30)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert epochs[0] != sorted(epochs[0])


@pytest.mark.parametrize("probabilities", [None, WEIGHTED], ids=["shuffled", "weighted"])
@pytest.mark.parametrize("shard_count", [2, 4])
def test_the_parts_of_all_shards_are_the_batch_of_one(reader, probabilities, shard_count):
    with_margins = dataclasses.replace(reader, crop_margins=(0.0, 0.3))  # which are random
    whole = pipeline.train_batches(with_margins, batch_size=8, seed=3, probabilities=probabilities)
    share = dict(batch_size=8 // shard_count, seed=3, probabilities=probabilities, shard_count=shard_count)
    shards = [pipeline.train_batches(with_margins, **share, shard_index=i) for i in range(shard_count)]
    for _ in range(6):  # a batch in the middle holds the end of one epoch and the start of the next
        batch, parts = next(whole), [next(shard) for shard in shards]
        for name, values in batch.items():
            np.testing.assert_array_equal(values, np.concatenate([part[name] for part in parts]), err_msg=name)


def _weighted_draws():
    order = pipeline.weighted_order(WEIGHTED, 3)
    return [order[n] for n in range(6000)]


def _weighted_batches(shard_index, shard_count):
    batches = pipeline.train_batches(
        IndexReader(range(6)),
        batch_size=50,
        seed=3,
        probabilities=WEIGHTED,
        shard_index=shard_index,
        shard_count=shard_count,
    )
    return np.ravel(_indices(batches, 120))


@pytest.mark.parametrize("draws", [
    pytest.param(_weighted_draws, id="order"),
    pytest.param(lambda: _weighted_batches(0, 1), id="batches"),
    pytest.param(lambda: _weighted_batches(1, 2), id="shard"),
])  # fmt: skip
def test_weighted_draws_follow_the_probabilities(draws):
    counts = np.bincount(draws(), minlength=30)
    assert counts.sum() == 6000
    assert stats.chisquare(counts, 6000 * WEIGHTED).pvalue > 0.01
    for wrong in (np.full(30, 1 / 30), np.roll(WEIGHTED, 1), WEIGHTED**1.3 / np.sum(WEIGHTED**1.3)):
        assert stats.chisquare(counts, 6000 * wrong).pvalue < 1e-4


def test_a_weighted_draw_says_nothing_of_the_next():
    draws = np.array(_weighted_draws()) // 10  # thirds of the examples, so that each pair of them is drawn often
    pairs = np.bincount(3 * draws[0::2] + draws[1::2], minlength=9).reshape(3, 3)
    assert stats.chi2_contingency(pairs).pvalue > 0.01


def test_weighted_shards_share_one_order():
    order = pipeline.weighted_order(WEIGHTED, 3)
    for shard in range(2):
        first, second = 50 * shard, 100 + 50 * shard
        expected = [order[n] for n in (*range(first, first + 50), *range(second, second + 50))]
        assert _weighted_batches(shard, 2)[:100].tolist() == expected


def test_the_improbable_is_never_drawn():
    probabilities = np.array([0.0, 0.3, 0.0, 0.7, 0.0])
    order = pipeline.weighted_order(probabilities, 0)
    assert {order[n] for n in range(1000)} == {1, 3}


@pytest.mark.parametrize(("probabilities", "message"), [
    (np.full(31, 1 / 31), r"shape \(31,\) found; expected \(30,\), one per example"),
    (np.full(30, 0.125), r"least 0\.125, sum 3\.75 found; expected none negative, sum 1"),
    (np.array([-0.5, 1.5] + [0.0] * 28), r"least -0\.5, sum 1\.0 found"),
    (np.array([np.nan] + [1 / 29] * 29), r"least nan, sum nan found"),
])  # fmt: skip
def test_what_is_no_distribution_is_refused(reader, probabilities, message):
    with pytest.raises(ValueError, match=f"probabilities: {message}"):
        pipeline.train_batches(reader, batch_size=6, seed=0, probabilities=probabilities)


@pytest.mark.parametrize(("batch_size", "shard_count"), [(7, 1), (4, 2), (30, 1), (64, 3)])
def test_evaluation_sees_each_example_once(reader, batch_size, shard_count):
    shards = [
        list(pipeline.eval_batches(reader, batch_size=batch_size, shard_index=i, shard_count=shard_count))
        for i in range(shard_count)
    ]
    assert len({len(batches) for batches in shards}) == 1
    batches = list(itertools.chain(*shards))
    assert all(batch["lr"].shape == (batch_size, 24, 72, 3) for batch in batches)
    index, mask = (np.concatenate([batch[name] for batch in batches]) for name in ("index", "mask"))
    assert sorted(index[mask]) == list(range(30))
    assert (index[~mask] == pipeline.PADDING).all()


def test_evaluation_goes_in_order(reader):
    assert _indices(pipeline.eval_batches(reader, batch_size=10), 3) == np.arange(30).reshape(3, 10).tolist()


@pytest.mark.parametrize("probabilities", [None, WEIGHTED], ids=["shuffled", "weighted"])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_iterator_goes_on_where_another_was_left(reader, num_workers, probabilities):
    order = {"batch_size": 8, "seed": 5, "probabilities": probabilities}

    def start():
        return contextlib.closing(pipeline.train_batches(reader, **order, num_workers=num_workers))

    with start() as batches:
        before = _indices(batches, 5)  # in the middle of the second epoch
        state = batches.get_state()
        after = list(itertools.islice(batches, 4))
    with start() as resumed:
        resumed.set_state(state)
        for expected, batch in zip(after, itertools.islice(resumed, 4), strict=True):
            for name, values in expected.items():
                np.testing.assert_array_equal(batch[name], values)
    # and neither the state nor the workers have any part in what the batches are
    assert before + [batch["index"].tolist() for batch in after] == _indices(pipeline.train_batches(reader, **order), 9)


def test_workers_serve_evaluation_to_its_end(reader):
    with contextlib.closing(pipeline.eval_batches(reader, batch_size=8, num_workers=1)) as batches:
        assert [batch["index"][0] for batch in batches] == [0, 8, 16, 24]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says which shared memory a process has mapped")
def test_workers_leave_no_shared_memory(reader):
    with contextlib.closing(pipeline.train_batches(reader, batch_size=8, seed=0, num_workers=1)) as batches:
        batch = next(batches)
        assert len(batch["hr"]) == 8
        assert "/dev/shm/psm_" not in pathlib.Path("/proc/self/maps").read_text()


def test_a_track_has_its_own_frame_first_and_all_others_registered_to_it(reader, track_reader):
    for index in (0, 7, 29):
        example = track_reader(index)
        np.testing.assert_array_equal(example["track"][0], example["lr"])
        np.testing.assert_array_equal(example["lr"], reader(index)["lr"])
        start = index // 5 * 5
        others = np.stack([reader(start + (index + i) % 5)["lr"] for i in range(1, 5)])
        np.testing.assert_array_equal(example["track"], register(np.concatenate([example["lr"][None], others])))


def test_margins_show_what_is_around_a_plate_and_are_the_same_for_lr_and_hr(reader):
    wide, cut = (dataclasses.replace(reader, crop_margins=(margin, margin)) for margin in (0.2, -0.2))
    known = next(i for i in range(0, 30, 5) if not np.isnan(reader.source[i // 5]["lr_corners"]).any())
    exact = reader(known)
    for kind, (h, w) in (("lr", LR_SIZE), ("hr", HR_SIZE)):
        # The plate fills 1 of 1.4 of the wide crop: 5/7 of each side, in its middle.
        inner = wide(known)[kind][round(h / 7) : round(h * 6 / 7), round(w / 7) : round(w * 6 / 7)]
        back = cv2.resize(inner, (w, h), interpolation=cv2.INTER_AREA).astype(float)
        plain, other = exact[kind].astype(float), cut(known)[kind].astype(float)
        assert np.abs(back - plain).mean() < 0.5 * np.abs(other - plain).mean()


def test_margins_differ_from_draw_to_draw_and_not_from_run_to_run(reader):
    loose = dataclasses.replace(reader, crop_margins=(0.0, 0.2))
    runs = [list(itertools.islice(pipeline.train_batches(loose, batch_size=30, seed=3), 2)) for _ in range(2)]
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a["lr"], b["lr"])
    first, second = (batch["lr"][np.argsort(batch["index"])] for batch in runs[0])
    known = [i for i in range(30) if not np.isnan(reader.source[i // 5]["lr_corners"]).any()]
    assert all(np.any(first[i] != second[i]) for i in known)
    np.testing.assert_array_equal(loose(3)["lr"], loose(3)["lr"])
