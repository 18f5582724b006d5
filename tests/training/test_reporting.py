"""What the reporter refuses and averages."""

import jax.numpy as jnp
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

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
