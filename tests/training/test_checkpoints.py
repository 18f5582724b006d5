"""The links of a stage's folder lead to whole checkpoints at every moment, and only a validated save moves the run's."""

import contextlib
import sys

import grain
import jax.numpy as jnp
import optax
import pytest
from ml_collections import ConfigDict

from lpasrn_jax.training.checkpoints import Checkpoints
from lpasrn_jax.training.state import create_state
from lpasrn_jax.weights.orbax import ITEMS

CONFIG = ConfigDict({"train": {"best_metrics": ("psnr",)}})
WATCHED = ("os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "shutil.rmtree", "shutil.move")
watchers = []


def watch(event, arguments):
    if watchers and event in WATCHED:
        watchers[-1](event, arguments)


sys.addaudithook(watch)  # it can't be removed: it watches while there is a watcher


def whole(link):
    """Whether a link leads to a checkpoint with all its parts."""
    return all((link / item).is_dir() for item in ("metrics", *ITEMS) if link.name == "best" or item != "metrics")


@contextlib.contextmanager
def dead_links(stage):
    """What was about to happen when a link that had been made was found not to lead to a whole checkpoint."""
    found = []

    def look(event, arguments):
        links = [link for link in (stage / "best", stage / "last", stage.parent / "best") if link.is_symlink()]
        found.extend((link.name, event, arguments) for link in links if not whole(link))

    watchers.append(look)
    try:
        yield found
    finally:
        watchers.pop()


def state_at(step):
    state = create_state(
        {"generator": {"w": jnp.full(3, float(step))}}, {"generator": {"w": True}}, optax.sgd(0.1), num_classes=2, seed=0
    )
    return state.replace(step=jnp.int32(step))


def save(checkpoints, step, psnr=None):
    batches = iter(grain.MapDataset.range(10).to_iter_dataset())
    progress = {"best": None, "stale": 0, "finished": False, "stopped": False, "lineage": ["pretrain", "warmup"]}
    checkpoints.save(state_at(step), batches, progress, metrics=None if psnr is None else {"psnr": psnr})


@pytest.fixture
def stage(tmp_path):
    """The folder of a stage in a run whose best model is another stage's."""
    folder = tmp_path / "warmup"
    folder.mkdir()
    other = tmp_path / "lcofl/best"
    for item in ("metrics", *ITEMS):
        (other / item).mkdir(parents=True)
    (tmp_path / "best").symlink_to("lcofl/best")
    return folder


def test_links_lead_to_whole_checkpoints_at_every_moment(stage):
    with dead_links(stage) as found, Checkpoints(stage, CONFIG) as checkpoints:
        for step, psnr in enumerate([20.0, 21.0, None, 19.0, None, 22.0, 21.0]):
            save(checkpoints, step, psnr)
    assert found == []
    assert (stage / "best").resolve() == stage / "checkpoints/5"
    assert (stage / "last").resolve() == stage / "checkpoints/6"
    assert sorted(path.name for path in stage.glob("checkpoints/*")) == ["5", "6"]


def test_only_a_validated_save_moves_the_best_of_the_run(stage):
    run_best = stage.parent / "best"
    with Checkpoints(stage, CONFIG) as checkpoints:
        save(checkpoints, 5)
    assert run_best.readlink().parts == ("lcofl", "best")
    with Checkpoints(stage, CONFIG) as checkpoints:
        save(checkpoints, 10, 20.0)
    assert run_best.readlink().parts == ("warmup", "best")
    run_best.unlink()
    run_best.symlink_to("lcofl/best")
    with Checkpoints(stage, CONFIG) as checkpoints:  # begun again after the stage that followed: nothing is new
        save(checkpoints, 10, 20.0)
    assert run_best.readlink().parts == ("lcofl", "best")


def test_dead_links_and_remains_are_mended_at_the_start(stage):
    with Checkpoints(stage, CONFIG) as checkpoints:
        save(checkpoints, 5, 20.0)
    for link in (stage / "best", stage / "last", stage.parent / "best"):
        link.unlink()
        link.symlink_to("checkpoints/3")
    half = stage / "checkpoints/.removed/3/params"
    half.mkdir(parents=True)
    with Checkpoints(stage, CONFIG):
        assert whole(stage / "best")
        assert whole(stage / "last")
        assert whole(stage.parent / "best")
        assert not half.exists()


def test_what_a_stage_starts_with_is_not_its_own_work(stage):
    with Checkpoints(stage, CONFIG) as checkpoints:
        save(checkpoints, 0, 20.0)
        save(checkpoints, 1, 19.0)
    lineages = {name: (stage / name / "config/metadata").read_text() for name in ("best", "last")}
    assert '"lineage": ["pretrain"]' in lineages["best"]
    assert '"lineage": ["pretrain", "warmup"]' in lineages["last"]


def test_one_process_continues_the_checkpoint_of_two(stage):
    batches = iter(grain.MapDataset.range(10).to_iter_dataset())
    assert [next(batches) for _ in range(3)] == [0, 1, 2]
    progress = {"best": None, "stale": 0, "finished": False, "stopped": True, "lineage": ["warmup"]}
    with Checkpoints(stage, CONFIG) as checkpoints:
        checkpoints.save(state_at(5), batches, progress)
    (position,) = stage.glob("checkpoints/5/data/process_*.json")
    assert position.name == "process_0-of-1.json"
    for number in range(2):
        position.with_name(f"process_{number}-of-2.json").write_text(position.read_text())
    position.unlink()
    fresh = iter(grain.MapDataset.range(10).to_iter_dataset())
    with Checkpoints(stage, CONFIG) as checkpoints:
        state, restored = checkpoints.restore(state_at(0), fresh)
    assert (int(state.step), restored, next(fresh)) == (5, progress, 3)
