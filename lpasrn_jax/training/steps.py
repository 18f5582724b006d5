"""The pure functions that training runs over and over: one optimiser step, one batch of validation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import ml_collections
import optax
from jaxtyping import Array, Float

from lpasrn_jax import images
from lpasrn_jax.data import augment
from lpasrn_jax.evaluation import metrics
from lpasrn_jax.losses import compose
from lpasrn_jax.models.generator import Generator
from lpasrn_jax.training.state import TrainState, update_ema

Batch = dict[str, Array]
Metrics = dict[str, Float[Array, ""]]


def train_step(
    state: TrainState,
    batch: Batch,
    *,
    generator: Generator,
    optimizer: optax.GradientTransformation,
    config: ml_collections.FrozenConfigDict,
) -> tuple[TrainState, Metrics]:
    """One step of the generator on one batch, and the loss terms by name."""
    key = jax.random.fold_in(state.key, state.step)
    lr, hr = augment.augment(key, images.to_float(batch["lr"]), images.to_float(batch["hr"]), config.data.augment)

    def objective(params):
        sr = generator.apply({"params": params["generator"]}, lr)
        terms = {name: compose.LOSSES[name](sr, hr) for name in config.stage.loss_components}
        return compose.compose(terms)

    (loss, terms), grads = jax.value_and_grad(objective, has_aux=True)(state.params)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    logged = {"loss": loss, **{f"{name}_loss": value for name, value in terms.items()}, "grad_norm": optax.tree.norm(grads)}
    ema = update_ema(state.ema, params["generator"], config.train.ema_decay, state.step)
    return state.replace(step=state.step + 1, params=params, ema=ema, opt_state=opt_state), logged


def validation_step(params, batch: Batch, *, generator: Generator) -> tuple[Metrics, dict[str, Float[Array, "b h w 3"]]]:
    """Sums over the batch's real examples of each image metric, such as `psnr/sr`, and the images.

    Examples whose `mask` is False only fill up the last batch and count nothing.
    """
    hr = images.to_float(batch["hr"])
    made = metrics.judged_images(generator, params, images.to_float(batch["lr"]))
    mask = batch["mask"].astype(jnp.float32)
    sums = {"count": jnp.sum(mask)}
    for metric, by_kind in metrics.image_scores(made, hr).items():
        sums |= {f"{metric}/{kind}": jnp.sum(mask * values) for kind, values in by_kind.items()}
    return sums, made
