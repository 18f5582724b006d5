"""Composition of the losses: the one place where weights, warm-up, masks and means are applied.

A stage lists components; a component is one or more terms, each with its weight. The images that the networks must read or
embed for them are known before anything is computed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax.numpy as jnp
import ml_collections
from jaxtyping import Array, Bool, Float, Int

from lpasrn_jax.errors import UserError
from lpasrn_jax.losses import consistency, ctc_loss, embedding, lcofl, pixel


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The inputs of one batch's losses.

    Attributes:
      images: in [-1, 1] by kind: `lr`, `hr`; `sr` of the generator; `bicubic` of LR; `other_hr`, another frame of the track.
      slots: slot logits by kind of image, for the kinds of `images_read`.
      ctc: CTC logits, for the same kinds.
      embeddings: by kind of image, for the kinds of `images_embedded`.
      text: the true classes.
      class_weights: weight of each true class in LCOFL.
      allowed: the classes that each plate's layout allows in each slot.
    """

    images: Mapping[str, Float[Array, "b _ _ 3"]]
    slots: Mapping[str, Float[Array, "b k v"]]
    ctc: Mapping[str, Float[Array, "b t v1"]]
    embeddings: Mapping[str, Float[Array, "b d"]]
    text: Int[Array, "b k"]
    class_weights: Float[Array, " v"]
    allowed: Bool[Array, "b k v"]


class Term(NamedTuple):
    """A weight and one value per example."""

    weight: Float[Array, ""] | float
    values: Float[Array, " b"]


Config = ml_collections.ConfigDict | ml_collections.FrozenConfigDict


class Component(NamedTuple):
    """
    networks: the networks that it needs.
    read: the kinds of image that the OCR must read for it, given the stage's section.
    embedded: the kinds of image that must be embedded.
    terms: the terms by name, from the outputs, the config and the number of epochs done.
    """

    networks: tuple[str, ...]
    read: Callable[[Config], tuple[str, ...]]
    embedded: tuple[str, ...]
    terms: Callable[[Outputs, Config, Float[Array, ""]], dict[str, Term]]


def _l1(outputs: Outputs, config: Config, epoch) -> dict[str, Term]:
    return {"l1": Term(config.loss.lambda_l1, pixel.l1(outputs.images["sr"], outputs.images["hr"]))}


def _ssim(outputs: Outputs, config: Config, epoch) -> dict[str, Term]:
    return {"ssim": Term(config.loss.lambda_ssim, pixel.ssim_loss(outputs.images["sr"], outputs.images["hr"]))}


def _lcofl(outputs: Outputs, config: Config, epoch) -> dict[str, Term]:
    loss, slots = config.loss, outputs.slots["sr"]
    return {
        "classification": Term(loss.lambda_lcofl, lcofl.classification_loss(slots, outputs.text, outputs.class_weights)),
        "layout": Term(
            loss.lambda_lcofl * loss.lambda_layout,
            lcofl.layout_penalty(slots, outputs.allowed, loss.layout_beta),
        ),
        "ssim": Term(loss.lambda_lcofl * loss.lambda_ssim, pixel.ssim_loss(outputs.images["sr"], outputs.images["hr"])),
    }


def _consistency(outputs: Outputs, config: Config, epoch) -> dict[str, Term]:
    values = consistency.consistency(outputs.images["sr"], outputs.images["lr"], config.model.scale)
    return {"consistency": Term(config.loss.lambda_consistency, values)}


def _ctc(outputs: Outputs, config: Config, epoch) -> dict[str, Term]:
    weight = config.loss.lambda_ctc
    return {f"ctc_{kind}": Term(weight, ctc_loss.ctc_loss(outputs.ctc[kind], outputs.text)) for kind in config.stage.reads}


def _slots(outputs: Outputs, config: Config, epoch) -> dict[str, Term]:
    weight = config.loss.lambda_slots
    return {
        f"slots_{kind}": Term(weight, lcofl.classification_loss(outputs.slots[kind], outputs.text)) for kind in config.stage.reads
    }


def _embedding(outputs: Outputs, config: Config, epoch) -> dict[str, Term]:
    loss = config.loss
    weight = (
        loss.lambda_embed * jnp.minimum(epoch / loss.embed_warmup_epochs, 1.0) if loss.embed_warmup_epochs else loss.lambda_embed
    )
    values = embedding.consistency_loss(outputs.embeddings["sr"], outputs.embeddings["hr"], outputs.text, loss.embed_margin)
    return {"embedding": Term(weight, values)}


def _contrastive(outputs: Outputs, config: Config, epoch) -> dict[str, Term]:
    loss, embeddings = config.loss, outputs.embeddings
    values = embedding.consistency_loss(embeddings["hr"], embeddings["other_hr"], outputs.text, loss.embed_margin)
    return {"contrastive": Term(loss.lambda_contrastive, values)}


COMPONENTS = {
    "l1": Component(("generator",), lambda stage: (), (), _l1),
    "ssim": Component(("generator",), lambda stage: (), (), _ssim),
    "lcofl": Component(("generator", "ocr"), lambda stage: ("sr",), (), _lcofl),
    "consistency": Component(("generator",), lambda stage: (), (), _consistency),
    "ctc": Component(("ocr",), lambda stage: tuple(stage.reads), (), _ctc),
    "slots": Component(("ocr",), lambda stage: tuple(stage.reads), (), _slots),
    "embedding": Component(("generator", "embedder"), lambda stage: (), ("sr", "hr"), _embedding),
    "contrastive": Component(("embedder",), lambda stage: (), ("hr", "other_hr"), _contrastive),
}


def check_components(stage: Config) -> None:
    """Raise UserError for a component that is unknown or needs a network or image that the stage does not have."""
    names = stage.loss_components
    unknown = [name for name in names if name not in COMPONENTS]
    if unknown or not names:
        wrong = repr(unknown[0]) if unknown else "an empty list"
        raise UserError(f"stage.loss_components: {wrong} found; expected some of {', '.join(COMPONENTS)}")
    for name in names:
        missing = [network for network in COMPONENTS[name].networks if network not in stage.networks]
        if missing:
            raise UserError(
                f"stage.loss_components: {name!r} needs the {missing[0]}; add it to stage.networks, or leave {name} out"
            )
    if {"ssim", "lcofl"} <= set(names):
        raise UserError("stage.loss_components: 'ssim' found beside 'lcofl', of which it is a part; take one of them")
    makes = {"hr", "bicubic"} | ({"sr"} if "generator" in stage.networks else set())
    if set(stage.reads) - makes:
        raise UserError(f"stage.reads: {tuple(stage.reads)} found; expected some of {', '.join(sorted(makes))}")
    if stage.hard_mining.enabled and "lcofl" not in names:
        raise UserError("stage.hard_mining.enabled: nothing reads the SR images it ranks; add lcofl to stage.loss_components")
    if {"ctc", "slots"} & set(names) and not stage.reads:
        raise UserError("stage.reads: empty; the components ctc and slots need images to read, such as hr and sr")


def images_read(stage: Config) -> tuple[str, ...]:
    """The kinds of image that the OCR reads in training."""
    return tuple(sorted({kind for name in stage.loss_components for kind in COMPONENTS[name].read(stage)}))


def images_embedded(stage: Config) -> tuple[str, ...]:
    """The kinds of image that the embedder sees in training."""
    return tuple(sorted({kind for name in stage.loss_components for kind in COMPONENTS[name].embedded}))


def compose(
    outputs: Outputs, config: Config, epoch: Float[Array, ""], mask: Bool[Array, " b"]
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The weighted sum of all terms' means over the examples in `mask`, and each mean, unweighted, by name.

    Args:
      outputs: the networks' outputs.
      config: sections `loss` and `stage`.
      epoch: number of epochs done, with fraction, for warm-ups.
      mask: False for examples that do not count.
    """
    terms: dict[str, Term] = {}
    for name in config.stage.loss_components:
        terms |= COMPONENTS[name].terms(outputs, config, epoch)
    means = {name: _masked_mean(term.values, mask) for name, term in terms.items()}
    return sum(term.weight * means[name] for name, term in terms.items()), means


def _masked_mean(values: Float[Array, " b"], mask: Bool[Array, " b"]) -> Float[Array, ""]:
    return jnp.sum(values, where=mask) / jnp.maximum(jnp.sum(mask), 1)
