"""Training as a whole: it learns, it stops and continues bit by bit, and it refuses what it can't use."""

import json
import multiprocessing
import re
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from lpasrn_jax.errors import UserError
from lpasrn_jax.training import optim
from lpasrn_jax.training.loop import train_and_evaluate
from lpasrn_jax.training.reporting import NonFiniteLossError, Reporter
from lpasrn_jax.training.stages import open_stage
from lpasrn_jax.training.stop import StopRequest
from lpasrn_jax.training.validation import Validation, ValidationResult
from lpasrn_jax.weights.load import load_weights
from lpasrn_jax.weights.orbax import load_checkpoint

STAGE = "warmup"


def assert_equal_trees(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_it_learns_and_leaves_the_best_model(trained, tiny_config, tmp_path):
    model = load_checkpoint(trained / "best")
    assert model.config["model"] == json.loads(json.dumps(tiny_config.model.to_dict()))
    tiny_config.stage.epochs = 1
    assert [score(trained)] > train_and_evaluate(tiny_config, str(tmp_path))["best"]


def score(workdir):
    """The validation score of a run's best checkpoint."""
    return json.loads((workdir / "best/metrics/metrics").read_text())["psnr"]


def test_a_stopped_run_continues_bit_by_bit(trained, tiny_config, tmp_path, monkeypatch):
    with monkeypatch.context() as stopping:
        stopping.setattr(StopRequest, "at", lambda self, step: step == 5)  # in the middle of the first epoch
        train_and_evaluate(tiny_config, str(tmp_path))
    assert load_checkpoint(tmp_path / STAGE / "last").step == 5
    progress = train_and_evaluate(tiny_config, str(tmp_path))
    assert progress == {"best": [score(trained)], "stale": 0, "finished": True, "stopped": False, "lineage": [STAGE]}
    stopped, whole = (load_checkpoint(workdir / STAGE / "last") for workdir in (tmp_path, trained))
    assert stopped.step == whole.step > 5
    assert_equal_trees(stopped.params, whole.params)


def test_a_finished_run_started_again_changes_nothing(trained, tiny_config, tmp_path):
    shutil.copytree(trained, tmp_path / "run", symlinks=True)
    assert train_and_evaluate(tiny_config, str(tmp_path / "run"))["best"] == [score(trained)]
    last, before = (load_checkpoint(workdir / STAGE / "last") for workdir in (tmp_path / "run", trained))
    assert_equal_trees(last.params, before.params)


def test_a_run_can_start_from_other_weights(trained, tiny_config, tmp_path):
    shutil.copytree(trained, tmp_path / "weights", symlinks=True)
    tiny_config.update(init_from=str(tmp_path / "weights/best"))
    tiny_config.stage.update(epochs=1, lr=0.0)
    progress = train_and_evaluate(tiny_config, str(tmp_path / "run"))
    assert progress["best"] == [pytest.approx(score(trained), abs=1e-3)]
    shutil.rmtree(tmp_path / "weights")  # a run that has begun continues from its own checkpoint and needs them no more
    assert train_and_evaluate(tiny_config, str(tmp_path / "run")) == progress


def test_weights_of_another_model_name_the_overrides_that_fit(trained, tiny_config, tmp_path):
    tiny_config.update(init_from=str(trained / "best"))
    tiny_config.model.update(features=12, use_dcnv4=False, msca_scales=(1.0,))
    overrides = "--config.model.features=8 '--config.model.msca_scales=(0.5, 0.25)' --config.model.use_dcnv4=True"
    with pytest.raises(UserError, match=re.escape(f"another model; give {overrides}")):
        train_and_evaluate(tiny_config, str(tmp_path))
    tiny_config.model.update(features=8, use_dcnv4=True, msca_scales=(0.5, 0.25))
    tiny_config.stage.epochs = 1
    assert train_and_evaluate(tiny_config, str(tmp_path))["best"] > [0]  # and the folder that the refusal left is no obstacle


def test_another_config_does_not_continue_a_run(trained, tiny_config):
    tiny_config.stage.lr = 5e-4
    with pytest.raises(UserError, match=r"stage\.lr=0\.002, this config has stage\.lr=0\.0005"):
        train_and_evaluate(tiny_config, str(trained))


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(tiny_config, tmp_path, monkeypatch):
    def explodes_in_the_second_epoch(stage, steps_per_epoch):
        return lambda step: jnp.where(step > steps_per_epoch, jnp.inf, stage.lr)

    monkeypatch.setitem(optim.SCHEDULES, "step", explodes_in_the_second_epoch)
    with pytest.raises(NonFiniteLossError, match="_loss is nan at step"):
        train_and_evaluate(tiny_config, str(tmp_path))
    kept = load_checkpoint(tmp_path / "best")
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(kept.params))


def test_no_worker_outlives_a_training_that_fails(tiny_config, tmp_path, monkeypatch):
    def fails(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Reporter, "step", fails)
    before = multiprocessing.active_children()
    tiny_config.data.num_workers = 1
    with pytest.raises(KeyboardInterrupt) as failure:  # the traceback holds on to the iterator, as it does in a notebook
        train_and_evaluate(tiny_config, str(tmp_path))
    assert multiprocessing.active_children() == before, failure


def test_it_stops_after_validations_without_a_better_one(trained, tiny_config, tmp_path):
    tiny_config.stage.update(lr=0.0, epochs=9)
    tiny_config.train.early_stop = 2
    assert train_and_evaluate(tiny_config, str(tmp_path))["stale"] == 2
    steps_per_epoch = load_checkpoint(trained / STAGE / "last").step // 2
    assert load_checkpoint(tmp_path / STAGE / "last").step == 2 * steps_per_epoch  # the first validation is before the first step


@pytest.mark.parametrize(("change", "message"), [
    ({"train.batch_size": 6}, "train.batch_size: 6 can't be spread over 4 devices"),
    ({"train.batch_size": 4000}, "train.batch_size: 4000 is more than the"),
    ({"data.val_split": 0.0}, "data.val_split: 0.0 leaves no plate for validation"),
    ({"data.root": "/nowhere"}, "data.root: /nowhere does not exist"),
    ({"stage.loss_components": ("l2",)}, "stage.loss_components: 'l2' found"),
    ({"stage.networks": ("generator", "reader")},
     "stage.networks: 'reader' found; expected some of generator, fusion, ocr, embedder"),
    ({"stage.frozen": ("ocr",)}, "stage.frozen: 'ocr' matches no parameter"),
    ({"train.best_metrics": ("word_acc",)}, "train.best_metrics: 'word_acc' is not measured in this stage; expected some of"),
])  # fmt: skip
def test_what_cannot_be_used_is_named(tiny_config, tmp_path, change, message):
    tiny_config.update_from_flattened_dict(change)
    with pytest.raises(UserError, match=message):
        train_and_evaluate(tiny_config, str(tmp_path))


def stored_progress(checkpoint):
    return json.loads((checkpoint / "progress/metadata").read_text())


def judge(monkeypatch, *psnrs):
    """Let the validations find these, one after the other."""
    waiting = iter(psnrs)
    monkeypatch.setattr(Validation, "__call__", lambda self, params: ValidationResult({"psnr": next(waiting)}, {}))


def test_the_last_epoch_is_validated_and_the_end_is_stored(tiny_config, tmp_path, monkeypatch):
    judge(monkeypatch, 20.0, 21.0)
    tiny_config.stage.epochs = 1
    tiny_config.train.validate_every_epochs = 2
    progress = train_and_evaluate(tiny_config, str(tmp_path))
    assert (progress["best"], progress["finished"], progress["stopped"]) == ([21.0], True, False)
    assert stored_progress(tmp_path / STAGE / "last") == progress
    assert (tmp_path / "best").resolve() == (tmp_path / STAGE / "last").resolve()


def test_a_stop_at_the_very_end_is_told_and_the_stage_is_finished(trained, tiny_config, tmp_path, monkeypatch):
    judge(monkeypatch, 20.0, 21.0)
    tiny_config.stage.epochs = 1
    last_step = load_checkpoint(trained / STAGE / "last").step // 2
    monkeypatch.setattr(StopRequest, "at", lambda self, step: step == last_step)
    progress = train_and_evaluate(tiny_config, str(tmp_path))
    assert (progress["finished"], progress["stopped"]) == (True, True)  # the next stage is not begun
    assert stored_progress(tmp_path / STAGE / "last") == progress


def test_a_stage_that_improves_nothing_says_so(tiny_config, trained, tmp_path, monkeypatch, capfd):
    judge(monkeypatch, 20.0, 19.0)
    tiny_config.stage.update(epochs=1, name="lcofl")
    tiny_config.init_from = str(trained / "best")
    train_and_evaluate(tiny_config, str(tmp_path))
    words = "lcofl did not improve on warmup, whose weights these are"
    assert words in capfd.readouterr().out
    best = load_weights(tmp_path / "best")
    assert (best.about["step"], best.about["note"], best.config["lineage"]) == (0, words, [STAGE])
    last = load_weights(tmp_path / "lcofl/last")
    assert "note" not in last.about
    assert last.config["lineage"] == [STAGE, "lcofl"]


LOCKED = """
import sys, time
from ml_collections import ConfigDict
from lpasrn_jax.training.stages import open_stage
with open_stage(sys.argv[1], ConfigDict({"stage": {"name": "warmup"}})):
    print("locked", flush=True)
    time.sleep(600)
"""


def test_a_process_that_is_killed_leaves_no_lock(tmp_path):
    config = ml_collections.ConfigDict({"stage": {"name": "warmup"}})
    with subprocess.Popen([sys.executable, "-c", LOCKED, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "locked\n"
            with pytest.raises(UserError, match="another process trains here"), open_stage(str(tmp_path), config):
                pass
        finally:
            process.kill()
        process.wait(60)
    assert (tmp_path / "warmup/.lock").exists()
    with open_stage(str(tmp_path), config) as directory:
        assert directory == tmp_path / "warmup"


def test_a_folder_that_is_in_use_is_refused(tiny_config, tmp_path):
    with open_stage(str(tmp_path), tiny_config), pytest.raises(UserError, match="warmup: another process trains here"):
        train_and_evaluate(tiny_config, str(tmp_path))
    with open_stage(str(tmp_path), tiny_config):  # the refusal and the first run's end have left no lock
        assert not (tmp_path / "best").exists()
        assert not (tmp_path / "best").is_symlink()


def test_images_too_narrow_for_ctc_are_refused(tiny_stage, tmp_path):
    config = tiny_stage(0)
    config.data.lr_size = (8, 20)
    with pytest.raises(UserError, match="data.lr_size: 40 pixels of HR width make 10 CTC steps, and a text may need 12"):
        train_and_evaluate(config, str(tmp_path))


def test_a_workdir_that_cannot_be_written(tiny_config, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--workdir=.*file/run: cannot be written"):
        train_and_evaluate(tiny_config, str(tmp_path / "file" / "run"))
