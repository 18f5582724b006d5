"""The pure functions of training: one optimiser step, the end of an epoch, one batch of validation."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import ml_collections
import optax
from jaxtyping import Array, Float, Key

from lpasrn_jax import images, witnesses
from lpasrn_jax.data import augment
from lpasrn_jax.evaluation import metrics
from lpasrn_jax.losses import compose, confusion
from lpasrn_jax.models import PlateModel
from lpasrn_jax.training.state import Params, Trained, TrainState, update_ema

Batch = dict[str, Array]
Metrics = dict[str, Float[Array, ""]]
ExampleAccuracies = dict[str, Array]  # per example of a batch: `index` and `char_acc`, both [b]


def train_step(
    state: TrainState,
    batch: Batch,
    *,
    model: PlateModel,
    trained: Trained,
    optimizer: optax.GradientTransformation,
    config: ml_collections.FrozenConfigDict,
    steps_per_epoch: int,
) -> tuple[TrainState, Metrics, ExampleAccuracies]:
    """One optimiser step on one batch.

    Returns:
      The new state; the loss terms by name; and, where the OCR reads SR images in training, the accuracy of each example.
    """
    augment_key, read_key = jax.random.split(jax.random.fold_in(state.key, state.step))
    batch_images = _augmented(augment_key, batch, config)

    def objective(params):
        made = _outputs(read_key, model, params, batch_images, batch, state.class_weights, config)
        loss, terms = compose.compose(made, config, state.step / steps_per_epoch, batch["mask"])
        return loss, (terms, {kind: logits.argmax(-1) for kind, logits in made.slots.items()})

    (loss, (terms, read)), grads = jax.value_and_grad(objective, has_aux=True)(state.params)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    ema = {name: update_ema(state.ema[name], params[name], config.train.ema_decay, state.step) for name in state.ema}
    grad_norm = optax.tree.norm([g for g, trains in zip(*map(jax.tree.leaves, (grads, trained)), strict=True) if trains])
    logged = {"loss": loss, **{f"{name}_loss": value for name, value in terms.items()}, "grad_norm": grad_norm}
    accuracies, confusions = {}, state.confusions
    if "sr" in read:
        confusions = confusion.count(confusions, batch["text"], read["sr"], batch["mask"])
        accuracies = {"index": batch["index"], "char_acc": metrics.char_accuracy(read["sr"], batch["text"])}
        logged["char_acc"] = accuracies["char_acc"].mean()
    state = state.replace(step=state.step + 1, params=params, ema=ema, opt_state=opt_state, confusions=confusions)
    return state, logged, accuracies


def end_epoch(state: TrainState, *, config: ml_collections.FrozenConfigDict) -> TrainState:
    """The state with character weights from the epoch's confusions, and the confusions reset."""
    weights = confusion.class_weights(state.confusions, config.loss.confusion_alpha, config.loss.confusion_max)
    return state.replace(class_weights=weights, confusions=jnp.zeros_like(state.confusions))


def _augmented(key: Key[Array, ""], batch: Batch, config: ml_collections.FrozenConfigDict) -> dict[str, Array]:
    """The batch's images in [-1, 1] by kind; LR and HR of a pair are warped alike, HR of the track's other frame independently.

    A batch of tracks also gives `track` [b, f, h, w, 3], the reference `lr` first, and which of its frames are `present` [b, f].
    """
    pair_key, other_key, present_key, foreign_key = jax.random.split(key, 4)
    hr = images.to_float(batch["hr"])
    if "track" in batch:
        track = augment.with_foreign_frames(foreign_key, images.to_float(batch["track"]), config.data.foreign_frames)
        track, hr = augment.augment_track(pair_key, track, hr, config.data.augment)
        present = augment.frames_present(present_key, *track.shape[:2], config.data.single_frames)
        augmented = {"lr": track[:, 0], "hr": hr, "track": track, "present": present}
    else:
        lr, hr = augment.augment(pair_key, images.to_float(batch["lr"]), hr, config.data.augment)
        augmented = {"lr": lr, "hr": hr}
    if "other_hr" in batch:
        other = images.to_float(batch["other_hr"])
        (augmented["other_hr"],) = augment.geometric(other_key, (other,), config.data.augment)
    return augmented


def _outputs(
    key: Key[Array, ""],
    model: PlateModel,
    params: dict[str, Params],
    batch_images: dict[str, Array],
    batch: Batch,
    class_weights: Float[Array, " v"],
    config: ml_collections.FrozenConfigDict,
) -> compose.Outputs:
    """Outputs of the networks that the stage's losses need. Gradients flow through frozen networks too."""
    made = batch_images | model.enlargements(params, batch_images["lr"])
    if "track" in made:
        made["sr"] = model.enlarge_track(params, made["track"], made["present"])
    seen = made | ({"sr": augment.perturb(key, made["sr"], config.loss.perturb)} if "sr" in made else {})
    logits_by_kind = {kind: model.logits(params, seen[kind]) for kind in compose.images_read(config.stage)}
    return compose.Outputs(
        images=made,
        slots={kind: logits.slots for kind, logits in logits_by_kind.items()},
        ctc={kind: logits.ctc for kind, logits in logits_by_kind.items()},
        embeddings={kind: model.embed(params, made[kind]) for kind in compose.images_embedded(config.stage)},
        text=batch["text"],
        class_weights=class_weights,
        allowed=jnp.asarray(model.plate_format.layout_masks())[batch["layout"]],
    )


def validation_step(
    params: dict[str, Params], batch: Batch, *, model: PlateModel, main_kind: str, image_metrics: Sequence[str]
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Outputs of the networks for a batch, and their scores.

    Examples whose `mask` is False only fill up the last batch and do not count.

    Args:
      main_kind: the kind of image that the stage is evaluated by: `fused`, `sr`, `bicubic` or `hr`.
      image_metrics: some of `metrics.IMAGE_METRICS`.

    Returns:
      Sums over the batch's real examples of each score, their `count` and, with an OCR, the `confusions` [v, v]; a score is named
      `psnr` for the main kind and `psnr/bicubic` for another. The enlarged images by kind. The classes read [b, k] by kind. With
      an OCR, the data for the calibration: `index` [b], true `text` [b, k] and, by kind of image that readings are made from,
      slot log-probabilities `slots` [b, k, v].
    """
    lr, hr, mask = images.to_float(batch["lr"]), images.to_float(batch["hr"]), batch["mask"]
    track = images.to_float(batch["track"]) if "track" in batch else None
    made, ocr_outputs = model.enlargements(params, lr, track), {}
    sums = {"count": jnp.sum(mask)}
    logits = metrics.ocr_logits(model, params, {**made, "hr": hr})
    decoded = metrics.read_slots(logits, model.plate_format.layout_masks())
    read = {kind: text.classes for kind, text in decoded.items()}
    compared = {"lr": lr, **made, "hr": hr}
    scores = metrics.image_scores(compared, model.scale, image_metrics) | metrics.text_scores(decoded, batch["text"])
    if logits:
        v = len(model.plate_format.labels)
        sums["confusions"] = confusion.count(jnp.zeros((v, v)), batch["text"], read[main_kind], batch["mask"])
        ocr_outputs = {
            "index": batch["index"],
            "text": batch["text"],
            "slots": {kind: logits[kind].slot_log_probs for kind in witnesses.kinds(logits, main_kind)},
        }
    for metric, by_kind in scores.items():
        for kind, values in by_kind.items():
            sums[metric if kind == main_kind else f"{metric}/{kind}"] = jnp.sum(values, where=mask)
    return sums, made, read, ocr_outputs
