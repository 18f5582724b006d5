"""One run on several numbers of devices, and what the pipeline delivers."""

import time

import jax
import numpy as np
from jax.sharding import Mesh

from lpasrn_jax import runtime
from lpasrn_jax.commands import bench_data
from lpasrn_jax.commands.bench_data import pipeline_rate, training_rate
from lpasrn_jax.models import PlateModel
from lpasrn_jax.training import batches
from lpasrn_jax.training.loop import train_and_evaluate
from lpasrn_jax.weights.orbax import load_checkpoint
from tests.layouts_campaign import LAYOUTS, LIMIT, compare, losses, written_losses


def train_on_one_device(monkeypatch):
    monkeypatch.setattr(runtime, "data_mesh", lambda: Mesh(np.array(jax.devices()[:1]), (runtime.DATA_AXIS,)))


def test_a_checkpoint_of_four_devices_goes_on_on_one_as_it_would_have_on_four(trained, tiny_config, tmp_path, monkeypatch):
    assert jax.device_count() == 4
    tiny_config.stage.epochs = 1
    train_and_evaluate(tiny_config, str(tmp_path))
    on_four = load_checkpoint(tmp_path / "warmup/last")
    train_on_one_device(monkeypatch)
    tiny_config.stage.epochs = 2
    train_and_evaluate(tiny_config, str(tmp_path))
    on_one, whole = (load_checkpoint(workdir / "warmup/last") for workdir in (tmp_path, trained))
    assert on_one.step == whole.step == 2 * on_four.step > 10
    # Sums over a batch add up in another order, and Adam makes whole steps of gradients that are next to nothing: parameters that
    # hardly matter differ, by 0.02 of the way at most. With one batch left out it is 0.14.
    start, end, expected = (np.concatenate([*map(np.ravel, jax.tree.leaves(one.params))]) for one in (on_four, on_one, whole))
    assert np.linalg.norm(end - expected) < 0.05 * np.linalg.norm(expected - start)


def test_losses_do_not_depend_on_processes_and_devices(tiny_stage, tmp_path, monkeypatch):
    config = tiny_stage(2)
    config.stage.after.name = ""  # from random weights
    config.train.log_every_steps = 1
    train_on_one_device(monkeypatch)
    train_and_evaluate(config, str(tmp_path / "one"))
    one = written_losses(tmp_path / "one" / config.stage.name)
    other = losses(config, tmp_path / "two", LAYOUTS["two processes, two devices each"])
    assert {step for _, step in one} >= {1, 2, 3}
    _, absolute, _ = compare(one, other, steps=3)
    assert absolute <= LIMIT


def test_the_pipeline_s_rate_is_of_images_and_its_workers_are_stopped(tiny_config, monkeypatch):
    class Batches:
        closed = False

        def __next__(self):
            time.sleep(0.02)

        def close(self):
            self.closed = True

    made = Batches()
    monkeypatch.setattr(batches, "training_batches", lambda *arguments: made)
    rate = pipeline_rate(None, None, tiny_config, seconds=0.4)
    assert 0 < rate <= tiny_config.train.batch_size / 0.02
    assert made.closed


def test_the_rate_of_training_is_of_images_in_steps_that_train(tiny_config, tmp_path, monkeypatch):
    model = PlateModel.from_config(tiny_config, tiny_config.stage.networks)
    losses = []

    def calls_per_second(call, seconds):
        losses.extend(float(call()) for _ in range(3))
        return 2.0

    monkeypatch.setattr(bench_data, "_calls_per_second", calls_per_second)
    tracks = batches.prepare_tracks(model, tiny_config, tmp_path)
    assert training_rate(tracks, model, tiny_config, seconds=1.0) == 2.0 * tiny_config.train.batch_size
    assert losses[0] > losses[-1] > 0  # of the same batch


def test_tracks_are_prepared_in_the_run_s_folder_unless_the_config_names_another(tiny_config, tmp_path):
    model = PlateModel.from_config(tiny_config, tiny_config.stage.networks)
    for named, expected in (("", tmp_path / "run/prepared"), (str(tmp_path / "scratch"), tmp_path / "scratch")):
        tiny_config.data.tfds_dir = named
        assert not expected.exists()
        batches.prepare_tracks(model, tiny_config, tmp_path / "run")
        assert [*expected.glob("lp_tracks/*")]
