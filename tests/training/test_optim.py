"""Learning-rate schedules, what is frozen, and the optimiser."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict

from configs import stage0, stage1
from lpasrn_jax.errors import UserError
from lpasrn_jax.models import PlateModel
from lpasrn_jax.training import optim

PARAMS = {
    "generator": {"shallow": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}, "upscaler": {"kernel": jnp.ones((2, 3))}},
    "ocr": {"stem": {"kernel": jnp.ones((3, 3))}},
    "ocr_head": {"kernel": jnp.ones((3, 3))},
}


def test_stage_1_falls_by_a_tenth_every_five_epochs():
    schedule = optim.create_schedule(stage1.get_config().stage, steps_per_epoch=10)
    rates = [float(schedule(step)) for step in (0, 49, 50, 99, 100, 299)]
    np.testing.assert_allclose(rates, [1e-4, 1e-4, 9e-5, 9e-5, 8.1e-5, 1e-4 * 0.9**5], rtol=1e-5)


def test_stage_0_rises_for_five_epochs_and_falls_along_a_cosine():
    schedule = optim.create_schedule(stage0.get_config().stage, steps_per_epoch=10)
    rates = [float(schedule(step)) for step in (0, 25, 50, 275, 500)]
    np.testing.assert_allclose(rates, [0.0, 5e-4, 1e-3, 5e-4, 0.0], atol=1e-9)


def test_a_warm_up_as_long_as_the_stage_is_refused():
    stage = stage0.get_config().stage
    stage.epochs = 5
    with pytest.raises(UserError, match=r"stage\.warmup_epochs: 5.0 found; expected less than the stage's 5 epochs"):
        optim.create_schedule(stage, 10)


def test_an_unknown_schedule_lists_the_known():
    stage = stage1.get_config().stage
    stage.schedule = "linear"
    with pytest.raises(UserError, match=r"stage\.schedule: 'linear' found; expected one of step, cosine"):
        optim.create_schedule(stage, 10)


@pytest.mark.parametrize(("frozen", "trained"), [
    ((), [True, True, True, True, True]),
    (("ocr",), [True, True, True, False, True]),  # whole names: ocr_head is another
    (("ocr", "ocr_head"), [True, True, True, False, False]),
    (("generator/(shallow|other)",), [False, False, True, True, True]),
    (("generator/.*/kernel",), [True, False, False, True, True]),
])  # fmt: skip
def test_a_pattern_freezes_what_it_matches(frozen, trained):
    assert jax.tree.leaves(optim.trained_params(PARAMS, frozen)) == trained


@pytest.mark.parametrize(("frozen", "message"), [
    (("ocr", "embedder"), "'embedder' matches no parameter; expected the start of a path in generator, ocr, ocr_head"),
    (("oc",), "'oc' matches no parameter"),
    (("kernel",), "'kernel' matches no parameter"),
    ((".*",), "freezes everything"),
    (("ocr(",), r"'ocr\(' is no regular expression"),
])  # fmt: skip
def test_a_pattern_that_cannot_be_meant_is_refused(frozen, message):
    with pytest.raises(UserError, match=message):
        optim.trained_params(PARAMS, frozen)


def update(params, grads, frozen=(), weight_decay=0.0):
    """One step at rate 1e-3: the change of the parameters, and the optimiser's state."""
    trained = optim.trained_params(params, frozen)
    optimizer = optim.create_optimizer(lambda step: 1e-3, trained, grad_clip=1.0, weight_decay=weight_decay)
    return optimizer.update(grads, optimizer.init(params), params)


def first_moments(state, network):
    """What Adam has of a network after one step, as one vector: a tenth of the clipped gradient."""
    (_, adam), *_ = state.inner_states[network].inner_state
    return adam.mu


def test_gradients_are_clipped_network_by_network():
    params = {"a": {"x": jnp.zeros(3), "y": jnp.zeros(4)}, "b": {"x": jnp.zeros(4)}}
    grads = {"a": {"x": jnp.full(3, 30.0), "y": jnp.full(4, 40.0)}, "b": {"x": jnp.full(4, 0.1)}}
    _, state = update(params, grads)
    norm = np.sqrt(3 * 30.0**2 + 4 * 40.0**2)
    np.testing.assert_allclose(first_moments(state, "a"), np.repeat([3.0, 4.0], [3, 4]) / norm, rtol=1e-5)
    np.testing.assert_allclose(first_moments(state, "b"), np.full(4, 0.1 * 0.1), rtol=1e-5)  # its norm is below 1


def test_what_is_frozen_does_not_change_has_no_moments_and_is_not_in_the_norm():
    params = {"a": {"x": jnp.zeros(4), "y": jnp.zeros(4)}, "b": {"x": jnp.zeros(4)}}
    grads = {"a": {"x": jnp.full(4, 0.1), "y": jnp.full(4, 1e6)}, "b": {"x": jnp.full(4, 1e6)}}
    updates, state = update(params, grads, frozen=("a/y", "b"))
    assert not np.any(updates["a"]["y"])
    assert not np.any(updates["b"]["x"])
    np.testing.assert_allclose(first_moments(state, "a"), np.full(4, 0.1 * 0.1), rtol=1e-5)  # of a/x alone
    moments = [leaf for leaf in jax.tree.leaves(state) if leaf.ndim]
    assert len(moments) == 2  # mu and nu of a/x


def test_steps_are_those_of_adamw(rng):
    """optax's own on the clipped gradients, array by array; nothing here is large enough to be clipped."""
    params = {
        "a": {"kernel": rng.standard_normal((3, 2)), "bias": rng.standard_normal(2)},
        "b": {"kernel": rng.standard_normal(5)},
    }
    params = jax.tree.map(jnp.float32, params)
    ours = optim.create_optimizer(lambda step: 1e-3, optim.trained_params(params, ()), grad_clip=1.0, weight_decay=0.05)
    masks = {"a": {"kernel": True, "bias": False}, "b": {"kernel": True}}
    optaxs = optax.adamw(1e-3, weight_decay=0.05, mask=masks)
    state, expected_state, expected = ours.init(params), optaxs.init(params), params
    for _ in range(3):
        grads = jax.tree.map(lambda leaf: jnp.float32(0.1 * rng.standard_normal(leaf.shape)), params)
        updates, state = ours.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        updates, expected_state = optaxs.update(grads, expected_state, expected)
        expected = optax.apply_updates(expected, updates)
    jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, rtol=1e-6), params, expected)


def test_networks_are_updated_in_their_order():
    """So that every process of a job, and every run, compiles the same step."""
    names = ["generator", "fusion", "ocr", "embedder", "plate_check"]
    params = {name: {"kernel": jnp.ones(2)} for name in names}
    _, state = update(params, params)
    assert list(state.inner_states) == [*names, optim.FROZEN]


def test_weight_decay_is_for_kernels_alone():
    """Biases of attention heads and slot queries are matrices too."""
    head = {"kernel": jnp.full((2, 2), 3.0), "bias": jnp.full((2, 2), 3.0)}
    params = {"ocr": {"slot_attention": {"query": head}, "slot_queries": jnp.full((2, 2), 3.0), "bias": jnp.full(2, 3.0)}}
    grads = jax.tree.map(jnp.zeros_like, params)
    updates, _ = update(params, grads, weight_decay=0.05)
    np.testing.assert_allclose(updates["ocr"]["slot_attention"]["query"].pop("kernel"), -1e-3 * 0.05 * 3.0, rtol=1e-5)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(updates))


def test_all_kernels_of_the_ocr_decay_and_nothing_else():
    shapes = PlateModel.from_config(stage0.get_config("quick"), ["ocr"]).shapes
    params = jax.tree.map(lambda leaf: np.ones(leaf.shape, np.float32), shapes)
    updates = jax.jit(lambda params: update(params, jax.tree.map(jnp.zeros_like, params), weight_decay=0.05)[0])(params)
    decayed = {path for path, leaf in flatten_dict(updates).items() if np.any(leaf)}
    assert decayed == {path for path in flatten_dict(params) if path[-1] == "kernel"}
