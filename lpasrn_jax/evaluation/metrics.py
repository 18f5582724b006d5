"""Per-example metrics of images and of the texts read in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from lpasrn_jax.evaluation import colour
from lpasrn_jax.losses import pixel
from lpasrn_jax.losses.consistency import consistency
from lpasrn_jax.models.ocr import OCRLogits
from lpasrn_jax.models.plate_model import Params, PlateModel
from lpasrn_jax.reading.decode import Decoded, decode_slots


class ImageMetric(NamedTuple):
    """
    against: the kind of image to compare with.
    score: from the images, the images to compare with, and the scale of SR to LR.
    """

    against: str
    score: Callable[[Float[Array, "b h w 3"], Float[Array, "b _ _ 3"], int], Float[Array, " b"]]


def _psnr_y(images: Float[Array, "b h w 3"], hr: Float[Array, "b h w 3"], scale: int) -> Float[Array, " b"]:
    inner = slice(scale, -scale)
    ours, theirs = (colour.luma(rgb)[:, inner, inner] / 127.5 - 1.0 for rgb in (images, hr))
    return pixel.psnr(ours, theirs)


def _consistency(images: Float[Array, "b h w 3"], lr: Float[Array, "b _ _ 3"], scale: int) -> Float[Array, " b"]:
    return 127.5 * consistency(images, lr, scale)


IMAGE_METRICS = {
    "psnr": ImageMetric("hr", lambda images, hr, scale: pixel.psnr(images, hr)),
    "psnr_y": ImageMetric("hr", _psnr_y),  # `scale` pixels of border cropped, peak 255
    "ssim": ImageMetric("hr", lambda images, hr, scale: pixel.ssim(images, hr)),
    "consistency": ImageMetric("lr", _consistency),  # in grey levels of 255
    "colour_difference": ImageMetric("bicubic", lambda images, bicubic, scale: colour.colour_difference(images, bicubic)),
    "colour_shift": ImageMetric("bicubic", lambda images, bicubic, scale: colour.colour_shift(images, bicubic)),
    "blue_shift": ImageMetric("bicubic", lambda images, bicubic, scale: colour.blue_shift(images, bicubic)),
}


def image_scores(
    images_by_kind: Mapping[str, Float[Array, "b _ _ 3"]], scale: int, names: Sequence[str] = tuple(IMAGE_METRICS)
) -> dict[str, dict[str, Float[Array, " b"]]]:
    """Each metric of each kind of image except LR and the one compared with, as `scores[metric][kind]`.

    HR is also compared with LR and bicubic: its scores are those of a perfect SR image.

    Args:
      images_by_kind: in [-1, 1]: `lr`, `bicubic`, `hr`, and the enlargements of LR, such as `sr`.
      scale: of all other kinds to LR.
      names: of the metrics.
    """
    scores = {}
    for name in names:
        against, score = IMAGE_METRICS[name]
        kinds = [kind for kind in images_by_kind if kind not in ("lr", against)]
        scores[name] = {kind: score(images_by_kind[kind], images_by_kind[against], scale) for kind in kinds}
    return scores


def ocr_logits(model: PlateModel, params: Params, images_by_kind: Mapping[str, Float[Array, "b h w 3"]]) -> dict[str, OCRLogits]:
    """The OCR's logits for each kind of image in [-1, 1]; empty for a model without an OCR."""
    if "ocr" not in model.networks:
        return {}
    return {kind: model.logits(params, image) for kind, image in images_by_kind.items()}


def read_slots(logits_by_kind: Mapping[str, OCRLogits], layout_masks: Bool[Array, "l k v"]) -> dict[str, Decoded]:
    """The text that the slot head reads in each kind of image; the layout is inferred."""
    return {kind: decode_slots(logits.slots, layout_masks) for kind, logits in logits_by_kind.items()}


def char_accuracy(predicted: Int[Array, "b k"], text: Int[Array, "b k"]) -> Float[Array, " b"]:
    """The share of slots that are read right, in [0, 1].

    Characters are compared slot by slot, without alignment.
    """
    return jnp.mean(predicted == text, axis=-1, dtype=jnp.float32)


def word_accuracy(predicted: Int[Array, "b k"], text: Int[Array, "b k"]) -> Float[Array, " b"]:
    """1 where all slots are read right, else 0."""
    return jnp.all(predicted == text, axis=-1).astype(jnp.float32)


TEXT_METRICS = {"char_acc": char_accuracy, "word_acc": word_accuracy}


def text_scores(read: Mapping[str, Decoded], text: Int[Array, "b k"]) -> dict[str, dict[str, Float[Array, " b"]]]:
    """Each metric of the text read in each kind of image, as `scores[metric][kind]`.

    Args:
      read: from `read_slots`.
      text: the true classes.
    """
    return {
        metric: {kind: score(decoded.classes, text) for kind, decoded in read.items()} for metric, score in TEXT_METRICS.items()
    }
