"""The one training loop: next batch, step, log; at the end of an epoch validate and save.

What is trained, on which losses and for how long is the config's matter.
"""

from __future__ import annotations

import functools

import jax
import ml_collections

from lpasrn_jax import runtime
from lpasrn_jax.data import lp_tracks
from lpasrn_jax.losses import compose
from lpasrn_jax.models.generator import create_generator
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.training import batches, optim, stages, steps
from lpasrn_jax.training.checkpoints import Checkpoints, Progress
from lpasrn_jax.training.initial import initial_state
from lpasrn_jax.training.reporting import Reporter
from lpasrn_jax.training.stop import StopRequest
from lpasrn_jax.training.validation import Validation


def train_and_evaluate(config: ml_collections.ConfigDict, workdir: str, *, tensorboard_port: int | None = None) -> Progress:
    """Train the stage that the config describes, from where `workdir` left it to its end or until the process is told to stop.

    Args:
      config: of the stage, as in `configs/`.
      workdir: the run's folder, which all its stages share.
      tensorboard_port: show the run in TensorBoard on this port or the next free one; None leaves it out.

    Returns:
      The best validation score so far (`best`), and the validations since (`stale`).

    Raises:
      UserError: for a config, data or folder that can't be used, and for a loss that is no longer finite.
    """
    compose.check_components(config.stage.loss_components)
    directory = stages.open_stage(workdir, config)
    tracks = _prepare_tracks(config)
    mesh = runtime.data_mesh()
    train_batches = batches.training_batches(tracks, config)
    steps_per_epoch = batches.steps_per_epoch(tracks, config)
    num_steps = config.stage.epochs * steps_per_epoch

    generator = create_generator(config.model)
    schedule = optim.create_schedule(config.stage, steps_per_epoch)
    optimizer = optim.create_optimizer(schedule, config.train.grad_clip)
    frozen = ml_collections.FrozenConfigDict(config)
    train_step = jax.jit(
        functools.partial(steps.train_step, generator=generator, optimizer=optimizer, config=frozen), donate_argnums=0
    )
    validation = Validation(generator, tracks, config, mesh)
    progress: Progress = {"best": None, "stale": 0}

    with Checkpoints(directory, config) as checkpoints, StopRequest() as stop:
        resuming = checkpoints.latest_step() is not None
        state = initial_state(generator, optimizer, config, mesh, init_from="" if resuming else config.init_from)
        if resuming:
            state, progress = checkpoints.restore(state, train_batches)
        first_step = int(state.step)
        with Reporter(directory, first_step, num_steps, tensorboard_port) as reporter:
            for step in range(first_step + 1, num_steps + 1):
                if progress["stale"] >= config.train.early_stop:
                    break
                state, metrics = train_step(state, batches.on_devices(next(train_batches), mesh))
                reporter.step(step, metrics)
                ends_epoch, stopping = step % steps_per_epoch == 0, stop.at(step)
                if ends_epoch or stopping or step % config.train.log_every_steps == 0:
                    reporter.write_steps(float(schedule(step - 1)))
                    checkpoints.update_links()
                if ends_epoch and step // steps_per_epoch % config.train.validate_every_epochs == 0:
                    scores, pictures = validation(state.ema)
                    progress = _after_validation(progress, scores[config.train.best_metric])
                    reporter.validation(step, scores, pictures, note="best so far" if progress["stale"] == 0 else "")
                    checkpoints.save(state, train_batches, progress, scores)
                elif stopping or step == num_steps:
                    checkpoints.save(state, train_batches, progress)
                if stopping:
                    break
    return progress


def _prepare_tracks(config: ml_collections.ConfigDict) -> lp_tracks.PreparedTracks:
    tracks = lp_tracks.prepare(
        config.data.root,
        PlateFormat.create(config.plates.alphabet, config.plates.layouts),
        tfds_dir=config.data.tfds_dir,
        val_split=config.data.val_split,
        strict=config.data.strict,
    )
    batches.check_batch_size(config, tracks)
    return tracks


def _after_validation(progress: Progress, score: float) -> Progress:
    if progress["best"] is None or score > progress["best"]:
        return {"best": score, "stale": 0}
    return {"best": progress["best"], "stale": progress["stale"] + 1}
