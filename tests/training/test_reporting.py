"""What the reporter refuses and averages."""

import jax.numpy as jnp
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from lpasrn_jax import runtime
from lpasrn_jax.training import meter, profiling
from lpasrn_jax.training.reporting import NonFiniteLossError, Reporter, check_finite


def test_a_term_is_named_before_the_sum_that_it_spoils():
    with pytest.raises(NonFiniteLossError, match="l1_loss is nan at step 7"):
        check_finite(7, {"loss": float("nan"), "grad_norm": 1.0, "l1_loss": float("nan")})


def test_finite_values_pass():
    check_finite(7, {"loss": 0.0, "l1_loss": -1.0})


def test_means_of_the_steps_since_the_last_log_reach_tensorboard(tmp_path):
    with Reporter(tmp_path, 0, 4) as reporter:
        for step in (1, 2):
            reporter.step(step, {"loss": jnp.float32(step), "l1_loss": jnp.float32(2 * step)}, {"index": jnp.array([step])})
        assert [readings["index"].tolist() for readings in reporter.write_steps(0.5)] == [[1], [2]]
        reporter.step(3, {"loss": jnp.float32(9), "l1_loss": jnp.float32(9)}, {})
        assert reporter.write_steps(0.25) == [{}]
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    written = {
        tag: [(event.step, float(make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)]
        for tag in ("train/loss", "train/l1_loss", "train/learning_rate")
    }
    assert written == {
        "train/loss": [(2, 1.5), (3, 9.0)],
        "train/l1_loss": [(2, 3.0), (3, 9.0)],
        "train/learning_rate": [(2, 0.5), (3, 0.25)],
    }


def written(directory):
    """The values of all tags, by step; a text is its bytes."""
    events = EventAccumulator(str(directory), size_guidance={"tensors": 0}).Reload()
    return {
        tag: [(event.step, make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]
    }


def test_the_config_and_the_parameters_are_written_at_the_first_step_alone(tmp_path):
    config, params = {"stage": {"lr": 0.5, "frozen": ("ocr",)}}, {"ocr": {"kernel": jnp.zeros((3, 4))}}
    for name, first_step in (("new", 0), ("resumed", 7)):
        with Reporter(tmp_path / name, first_step, 10) as reporter:
            reporter.describe(config, params)
    texts = {tag: values[0] for tag, values in written(tmp_path / "new").items()}
    assert b'"lr": 0.5' in texts["config"][1].item()
    assert b"| ocr/kernel | (3, 4) |" in texts["parameters"][1].item()
    plugins = EventAccumulator(str(tmp_path / "new")).Reload().summary_metadata
    assert any(one.plugin_data.plugin_name == "hparams" for one in plugins.values())
    assert not written(tmp_path / "resumed")


def test_speed_waiting_and_memory_stand_in_groups_of_their_own(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(meter.time, "monotonic", lambda: now[0])
    with Reporter(tmp_path, 0, 10, images_per_step=16) as reporter:
        for step in range(1, 6):
            with reporter.meter.waiting():
                now[0] += 0.125
            now[0] += 50.0 if step == 1 else 0.375  # the first compiles
            reporter.step(step, {"loss": jnp.float32(1)}, {})
        reporter.write_steps(0.5)
    found = {tag: float(values[0][1]) for tag, values in written(tmp_path).items()}
    assert found["performance/images_per_second"] == pytest.approx(32)
    assert found["performance/step_ms"] == pytest.approx(500)
    assert found["performance/data_wait_ms"] == pytest.approx(125)
    assert found["memory/host_mib"] > 50


def test_what_has_become_of_a_stage_is_said_at_its_end(tmp_path, capsys):
    with Reporter(tmp_path / "warmup", 0, 20) as reporter:
        reporter.validation(0, {"psnr": 20.0, "psnr/bicubic": 21.0}, {}, note="best so far")
        reporter.validation(10, {"psnr": 23.5, "psnr/bicubic": 21.0}, {}, note="best so far")
        reporter.validation(20, {"psnr": 22.0, "psnr/bicubic": 21.0}, {}, note="")
        reporter.summary(20, finished=True)
    told = capsys.readouterr().out
    assert "warmup: finished at step 20, after 0 min" in told
    assert "from the first validation to the best: psnr 20 -> 23.5\n" in told
    assert f"best checkpoint: {tmp_path}/warmup/best" in told


@pytest.mark.parametrize("is_first", [True, False])
def test_only_the_first_process_prints_and_writes(tmp_path, monkeypatch, capsys, is_first):
    monkeypatch.setattr(runtime, "is_first_process", lambda: is_first)
    with Reporter(tmp_path / "warmup", 0, 20) as reporter:
        reporter.validation(10, {"psnr": 20.0}, {}, note="")
        reporter.say("a line")
        reporter.summary(20, finished=True)
    told = capsys.readouterr()
    assert [part in told.out for part in ("psnr 20", "a line", "finished at step 20")] == 3 * [is_first]
    assert bool(told.out + told.err) == is_first
    assert bool([*tmp_path.glob("warmup/events*")]) == is_first


def test_ten_steps_are_traced_after_the_first_ten(tmp_path, monkeypatch, capsys):
    called = []
    monkeypatch.setattr(profiling.jax.profiler, "start_trace", lambda folder: called.append(("start", step)))
    monkeypatch.setattr(profiling.jax.profiler, "stop_trace", lambda: called.append(("stop", step)))
    profile = profiling.StepProfile(tmp_path, first_step=100)
    for step in range(101, 140):
        profile.after(step, jnp.float32(1))
    profile.close()
    assert called == [("start", 110), ("stop", 120)]
    assert f"profile of 10 steps: {tmp_path}" in capsys.readouterr().out
