"""What is judged, and the figures that judge it; each is one value an example."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from lpasrn_jax.losses import pixel
from lpasrn_jax.models.ocr import OCRLogits
from lpasrn_jax.models.plate_model import Params, PlateModel
from lpasrn_jax.reading.decode import Decoded, decode_slots

IMAGE_METRICS = {"psnr": pixel.psnr, "ssim": pixel.ssim}


def image_scores(
    made: Mapping[str, Float[Array, "b h w 3"]], hr: Float[Array, "b h w 3"]
) -> dict[str, dict[str, Float[Array, " b"]]]:
    """Each metric of each kind of image against HR, as `scores[metric][kind]`.

    Args:
      made: images in [-1, 1] by kind, such as `bicubic` and `sr`.
      hr: what they should be.
    """
    return {metric: {kind: score(image, hr) for kind, image in made.items()} for metric, score in IMAGE_METRICS.items()}


def ocr_logits(model: PlateModel, params: Params, images_by_kind: Mapping[str, Float[Array, "b h w 3"]]) -> dict[str, OCRLogits]:
    """What the OCR says about each kind of image in [-1, 1]; nothing for a model without an OCR."""
    if "ocr" not in model.networks:
        return {}
    return {kind: model.logits(params, image) for kind, image in images_by_kind.items()}


def read_slots(logits: Mapping[str, OCRLogits], layout_masks: Bool[Array, "l k v"]) -> dict[str, Decoded]:
    """The text that the slot head reads in each kind of image; the layout is found out, not given."""
    return {kind: decode_slots(found.slots, layout_masks) for kind, found in logits.items()}


def char_accuracy(predicted: Int[Array, "b k"], text: Int[Array, "b k"]) -> Float[Array, " b"]:
    """The share of slots that are read right, in [0, 1].

    Both texts have k characters and each stands in its slot, so no other alignment is looked for.
    """
    return jnp.mean(predicted == text, axis=-1, dtype=jnp.float32)


def word_accuracy(predicted: Int[Array, "b k"], text: Int[Array, "b k"]) -> Float[Array, " b"]:
    """1 where all slots are read right, else 0."""
    return jnp.all(predicted == text, axis=-1).astype(jnp.float32)


TEXT_METRICS = {"char_acc": char_accuracy, "word_acc": word_accuracy}


def text_scores(read: Mapping[str, Decoded], text: Int[Array, "b k"]) -> dict[str, dict[str, Float[Array, " b"]]]:
    """Each metric of the text read in each kind of image, as `scores[metric][kind]`.

    Args:
      read: what `read_slots` gives.
      text: what is written on the plates.
    """
    return {
        metric: {kind: score(decoded.classes, text) for kind, decoded in read.items()} for metric, score in TEXT_METRICS.items()
    }
