"""Optimisers and learning-rate schedules, from a stage's config."""

from __future__ import annotations

import ml_collections
import optax

from lpasrn_jax.errors import UserError


def _step_schedule(stage: ml_collections.ConfigDict, steps_per_epoch: int) -> optax.Schedule:
    """`lr`, times `decay` after every `decay_epochs` epochs."""
    return optax.exponential_decay(stage.lr, stage.decay_epochs * steps_per_epoch, stage.decay, staircase=True)


SCHEDULES = {"step": _step_schedule}


def create_schedule(stage: ml_collections.ConfigDict, steps_per_epoch: int) -> optax.Schedule:
    """The learning rate by step.

    Raises:
      UserError: for an unknown `stage.schedule`.
    """
    if stage.schedule not in SCHEDULES:
        raise UserError(f"stage.schedule: {stage.schedule!r} found; expected one of {', '.join(SCHEDULES)}")
    return SCHEDULES[stage.schedule](stage, steps_per_epoch)


def create_optimizer(schedule: optax.Schedule, grad_clip: float) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015, arXiv 1412.6980) on gradients clipped to a global norm of `grad_clip`."""
    return optax.chain(optax.clip_by_global_norm(grad_clip), optax.adam(schedule))
