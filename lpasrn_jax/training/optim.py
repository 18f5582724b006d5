"""Optimiser, learning-rate schedule and frozen parameters of a stage, from its config."""

from __future__ import annotations

import re
from collections.abc import Sequence

import jax
import ml_collections
import optax
from flax.traverse_util import path_aware_map

from lpasrn_jax.errors import UserError
from lpasrn_jax.training.state import Params, Trained
from lpasrn_jax.wording import counted


def _step_schedule(stage: ml_collections.ConfigDict, steps_per_epoch: int) -> optax.Schedule:
    """`lr`, times `decay` after every `decay_epochs` epochs."""
    return optax.exponential_decay(stage.lr, stage.decay_epochs * steps_per_epoch, stage.decay, staircase=True)


def _cosine_schedule(stage: ml_collections.ConfigDict, steps_per_epoch: int) -> optax.Schedule:
    """Linear warm-up to `lr` over `warmup_epochs`, then cosine decay to 0 at the end of the stage."""
    if not 0 <= stage.warmup_epochs < stage.epochs:
        epochs = counted(stage.epochs, "epoch")
        raise UserError(f"stage.warmup_epochs: {stage.warmup_epochs} found; expected less than the stage's {epochs}")
    warmup_steps = round(stage.warmup_epochs * steps_per_epoch)
    return optax.warmup_cosine_decay_schedule(0.0, stage.lr, warmup_steps, stage.epochs * steps_per_epoch)


FROZEN = "frozen"  # the group of parameters that are not trained
SCHEDULES = {"step": _step_schedule, "cosine": _cosine_schedule}


def create_schedule(stage: ml_collections.ConfigDict, steps_per_epoch: int) -> optax.Schedule:
    """The learning rate by step.

    Raises:
      UserError: for an unknown `stage.schedule`.
    """
    if stage.schedule not in SCHEDULES:
        raise UserError(f"stage.schedule: {stage.schedule!r} found; expected one of {', '.join(SCHEDULES)}")
    return SCHEDULES[stage.schedule](stage, steps_per_epoch)


def trained_params(params: dict[str, Params], frozen: Sequence[str]) -> Trained:
    """A tree like `params`: True for what is trained, False for what a pattern freezes.

    Args:
      params: parameters by network name, or their shapes.
      frozen: regular expressions for the start of a parameter's path, whole names at a time: `ocr` is `ocr/stem/kernel` and all
        else in that network, `generator/(shallow|upscaler)` is a part of the generator.

    Raises:
      UserError: for a pattern that is not a regular expression or matches no path, and if nothing is left to train.
    """
    matched = dict.fromkeys(frozen, False)

    def is_trained(path: tuple[str, ...], _) -> bool:
        hits = [pattern for pattern in frozen if _compiled(pattern).match("/".join(path))]
        matched.update(dict.fromkeys(hits, True))
        return not hits

    trained = path_aware_map(is_trained, params)
    for pattern, hit in matched.items():
        if not hit:
            raise UserError(
                f"stage.frozen: {pattern!r} matches no parameter; expected the start of a path in {', '.join(params)}, "
                "such as 'ocr' or 'ocr/stem'"
            )
    if not any(jax.tree.leaves(trained)):
        raise UserError(f"stage.frozen: {tuple(frozen)} freezes everything; leave something to train")
    return trained


def _compiled(pattern: str) -> re.Pattern:
    try:
        return re.compile(f"(?:{pattern})(?:/|$)")
    except re.error as error:
        raise UserError(f"stage.frozen: {pattern!r} is no regular expression ({error})") from error


def create_optimizer(
    schedule: optax.Schedule, trained: Trained, *, grad_clip: float, weight_decay: float
) -> optax.GradientTransformation:
    """AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) on gradients clipped to a norm of `grad_clip` network by network.

    So a large gradient of one network does not slow down another that is trained with it. Frozen parameters do not count in a
    norm, do not change and have no moments. Weight decay applies to kernels only, not to biases (including those of attention
    heads) or slot queries; at 0 this is Adam (Kingma and Ba 2015, arXiv 1412.6980).

    Clipping and moments work on all parameters of a network as one vector: hundreds of small arrays by themselves would take much
    of the time that the step of a small network is compiled in.
    """

    def is_kernel(params):
        return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)

    adamw = optax.chain(
        optax.flatten(optax.chain(optax.clip_by_global_norm(grad_clip), optax.scale_by_adam())),
        optax.add_decayed_weights(weight_decay, mask=is_kernel),
        optax.scale_by_learning_rate(schedule),
    )
    labels = {name: jax.tree.map(lambda trains, name=name: name if trains else FROZEN, tree) for name, tree in trained.items()}
    learning = {name: adamw for name, tree in trained.items() if any(jax.tree.leaves(tree))}  # no vector is made of nothing
    return optax.partition({**learning, FROZEN: optax.set_to_zero()}, labels)
