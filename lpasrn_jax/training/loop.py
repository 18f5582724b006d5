"""The one training loop: validate and save at the end of an epoch, stop if asked to, next batch, step, log.

The config decides what is trained, on which losses and for how long.
"""

from __future__ import annotations

import contextlib
import functools
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import grain
import jax
import ml_collections
import optax

from lpasrn_jax import runtime
from lpasrn_jax.data.lp_tracks import PreparedTracks
from lpasrn_jax.errors import UserError, full_disk
from lpasrn_jax.losses import compose
from lpasrn_jax.models import PlateModel
from lpasrn_jax.training import batches, optim, stages, steps
from lpasrn_jax.training.checkpoints import Checkpoints, Progress
from lpasrn_jax.training.hard_mining import HardExampleMiner
from lpasrn_jax.training.initial import check_source, initial_params
from lpasrn_jax.training.reporting import Reporter
from lpasrn_jax.training.state import Params, Trained, TrainState, create_state
from lpasrn_jax.training.stop import StopRequest
from lpasrn_jax.training.validation import Validation
from lpasrn_jax.weights.load import no_improvement


class Job(NamedTuple):
    """A stage as its config defines it, before training."""

    config: ml_collections.ConfigDict
    directory: pathlib.Path  # of the stage
    tracks: PreparedTracks
    mesh: jax.sharding.Mesh
    model: PlateModel
    trained: Trained
    schedule: optax.Schedule
    optimizer: optax.GradientTransformation
    steps_per_epoch: int
    miner: HardExampleMiner | None


def train_and_evaluate(config: ml_collections.ConfigDict, workdir: str, *, profile: bool = False) -> Progress:
    """Train the stage that the config describes, from where `workdir` left it to its end or until the process is told to stop.

    Args:
      config: of the stage, as in `configs/`.
      workdir: the run's folder, which all its stages share.
      profile: write a trace of ten steps into the stage's folder.

    Returns:
      The progress at the end, see `Progress`.

    Raises:
      UserError: for a config, data or folder that can't be used, and for a loss that is no longer finite.
    """
    compose.check_components(config.stage)
    model = PlateModel.from_config(config, config.stage.networks)
    trained = optim.trained_params(model.shapes, config.stage.frozen)
    with stages.open_stage(workdir, config) as directory, _full_disk_in_one_line(directory):
        job = _prepare(config, directory, model, trained)
        with StopRequest() as stop, Checkpoints(directory, config) as checkpoints:  # signals wait for the last save
            state, train_batches, progress = _begin(job, checkpoints)
            first_step = int(state.step)
            # Where more epochs are done than the config asks for, the stage is finished.
            num_steps = max(config.stage.epochs * job.steps_per_epoch, first_step)
            options = dict(images_per_step=config.train.batch_size, profile=profile)
            with Reporter(directory, first_step, num_steps, **options) as reporter:
                reporter.describe(config.to_dict(), state.params)
                return _train(job, state, train_batches, progress, num_steps, checkpoints, reporter, stop)


@contextlib.contextmanager
def _full_disk_in_one_line(directory: pathlib.Path) -> Iterator[None]:
    """Inside, a full disk raises UserError, whatever exception the library raised."""
    try:
        yield
    except Exception as error:
        reason = full_disk(error)
        if reason is None:
            raise
        raise UserError(
            f"{directory}: {reason}; the last whole checkpoint is kept: make room, then run the same command again"
        ) from error


def _prepare(config: ml_collections.ConfigDict, directory: pathlib.Path, model: PlateModel, trained: Trained) -> Job:
    if not stages.has_begun(directory):
        check_source(config, directory.parent)
    tracks = batches.prepare_tracks(model, config, directory.parent)
    steps_per_epoch = batches.steps_per_epoch(tracks, config)
    schedule = optim.create_schedule(config.stage, steps_per_epoch)
    optimizer = optim.create_optimizer(
        schedule, trained, grad_clip=config.train.grad_clip, weight_decay=config.stage.weight_decay
    )
    mining = config.stage.hard_mining
    miner = HardExampleMiner(batches.num_training_examples(tracks), mining) if mining.enabled else None
    return Job(config, directory, tracks, runtime.data_mesh(), model, trained, schedule, optimizer, steps_per_epoch, miner)


def _begin(job: Job, checkpoints: Checkpoints) -> tuple[TrainState, grain.DatasetIterator, Progress]:
    """The state, batches and progress to start with: those of the last checkpoint, or of step 0."""

    def state_of(params: dict[str, Params]) -> TrainState:
        num_classes = len(job.model.plate_format.labels)
        return create_state(params, job.trained, job.optimizer, num_classes=num_classes, seed=job.config.seed)

    everywhere = runtime.replicated(job.mesh)
    if checkpoints.latest_step() is None:
        start = initial_params(job.model, job.trained, job.config, job.directory.parent)
        state = jax.jit(state_of, out_shardings=everywhere)(jax.device_put(start.params, everywhere))
        lineage = [*start.lineage, job.config.stage.name]
        return state, _training_batches(job), {"best": None, "stale": 0, "finished": False, "stopped": False, "lineage": lineage}
    shapes = jax.eval_shape(lambda: state_of(job.model.init(jax.random.key(0))))
    abstract = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=everywhere), shapes)
    if job.miner:
        checkpoints.restore_miner(job.miner)
    train_batches = _training_batches(job)
    state, progress = checkpoints.restore(abstract, train_batches)
    return state, train_batches, progress


def _training_batches(job: Job) -> grain.DatasetIterator:
    if job.miner:
        return batches.training_batches(job.tracks, job.model, job.config, job.miner.probabilities, job.miner.period)
    return batches.training_batches(job.tracks, job.model, job.config)


def _train(
    job: Job,
    state: TrainState,
    train_batches: grain.DatasetIterator,
    progress: Progress,
    num_steps: int,
    checkpoints: Checkpoints,
    reporter: Reporter,
    stop: StopRequest,
) -> Progress:
    config, miner = job.config, job.miner
    train_step, end_epoch = _compiled_steps(job)
    validation = Validation(job.model, job.tracks, config, job.mesh)
    first_step, resumed = int(state.step), progress["best"] is not None
    try:
        for step in range(first_step, num_steps + 1):
            epoch, scores = step // job.steps_per_epoch, None
            if _validates(step, job, num_steps) and not (resumed and step == first_step):
                scores, pictures = validation(state.model)
                progress = _after_validation(progress, checkpoints.ranking(scores))
                reporter.validation(step, scores, pictures, note="best so far" if progress["stale"] == 0 else "")
            progress["finished"] = step == num_steps or progress["stale"] >= config.train.early_stop
            progress["stopped"] = stop.at(step)
            ends = progress["finished"] or progress["stopped"]
            if ends:
                _take_notes(reporter, job, step)
            if ends or scores is not None:
                checkpoints.save(state, train_batches, progress, miner, scores)
            if ends:
                if progress["finished"] and checkpoints.best_step() == 0:
                    reporter.say(no_improvement(progress["lineage"]))
                break
            with reporter.meter.waiting():
                batch = batches.on_devices(next(train_batches), job.mesh)
            state, metrics, accuracies = train_step(state, batch)
            reporter.step(step + 1, metrics, accuracies if miner else {})
            if (step + 1) % job.steps_per_epoch == 0:
                _take_notes(reporter, job, step + 1)
                state = end_epoch(state)
                if miner and (epoch + 1) % config.stage.hard_mining.reweight_interval == 0:
                    miner.reweight((epoch + 1) / config.stage.epochs)
                    reporter.scalars(step + 1, miner.metrics())
                    train_batches.close()
                    train_batches = _training_batches(job)
            elif (step + 1) % config.train.log_every_steps == 0:
                _take_notes(reporter, job, step + 1)
                checkpoints.update_links()
    finally:
        train_batches.close()  # its workers run until then, also where training fails
    reporter.summary(step, progress["finished"])
    return progress


def _validates(step: int, job: Job, num_steps: int) -> bool:
    """Whether to validate at a step: at the end of every `validate_every_epochs`-th epoch, and at the last step."""
    epoch, into_epoch = divmod(step, job.steps_per_epoch)
    return into_epoch == 0 and (epoch % job.config.train.validate_every_epochs == 0 or step == num_steps)


def _compiled_steps(job: Job):
    """`train_step` and `end_epoch` for the job's devices."""
    everywhere, frozen = runtime.replicated(job.mesh), ml_collections.FrozenConfigDict(job.config)
    train_step = functools.partial(
        steps.train_step,
        model=job.model,
        trained=job.trained,
        optimizer=job.optimizer,
        config=frozen,
        steps_per_epoch=job.steps_per_epoch,
    )
    end_epoch = functools.partial(steps.end_epoch, config=frozen)
    return tuple(jax.jit(step, donate_argnums=0, out_shardings=everywhere) for step in (train_step, end_epoch))


def _take_notes(reporter: Reporter, job: Job, step: int) -> None:
    """Fetch the metrics and accuracies of the steps since the last call, for the log and for the miner."""
    runtime.release_memory()  # so that the memory in the log is what is in use
    for accuracies in reporter.write_steps(float(job.schedule(max(step - 1, 0)))):
        if job.miner:
            job.miner.update(accuracies["index"], accuracies["char_acc"])


def _after_validation(progress: Progress, ranking: Sequence[float]) -> Progress:
    better = progress["best"] is None or ranking > progress["best"]
    return {**progress, "best": ranking if better else progress["best"], "stale": 0 if better else progress["stale"] + 1}
