"""What is judged, and the figures that judge it; each is one value an example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from lpasrn_jax.losses import pixel
from lpasrn_jax.models.ocr import OCR, OCRLogits
from lpasrn_jax.reading.decode import Decoded, decode_slots

TEMPERATURES = np.geomspace(0.25, 16.0, 97)  # that are tried; each is 4.4 % above the one before
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


def ocr_logits(ocr: OCR, params: Any, images_by_kind: Mapping[str, Float[Array, "b h w 3"]]) -> dict[str, OCRLogits]:
    """What the OCR says about each kind of image in [-1, 1]."""
    return {kind: ocr.apply({"params": params}, image) for kind, image in images_by_kind.items()}


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


def temperature_losses(
    slots: Float[Array, "b k v"], text: Int[Array, "b k"], layout_masks: Bool[Array, "l k v"]
) -> Float[Array, "b t"]:
    """The negative log-likelihood of the true characters, mean over the slots, at each of `TEMPERATURES`.

    Guo et al. 2017, arXiv 1706.04599, section 4.2. As in `reading.slot_probabilities`, no probability is given to characters that
    no layout allows.
    """
    allowed = jnp.where(jnp.asarray(layout_masks).any(axis=0), slots, -jnp.inf)
    log_probs = jax.nn.log_softmax(allowed[:, None] / TEMPERATURES[:, None, None].astype(slots.dtype))
    return -jnp.take_along_axis(log_probs, text[:, None, :, None], axis=-1)[..., 0].mean(axis=-1)


def best_temperature(losses: Float[np.ndarray, " t"]) -> float:
    """The temperature with the smallest of the losses at `TEMPERATURES`, refined by a parabola through its neighbours."""
    best = int(np.argmin(losses))
    if best in (0, len(losses) - 1):
        return float(TEMPERATURES[best])
    before, least, after = np.asarray(losses[best - 1 : best + 2], np.float64)
    curvature = before - 2 * least + after
    shift = (before - after) / (2 * curvature) if curvature > 0 else 0.0
    return float(TEMPERATURES[best] * (TEMPERATURES[1] / TEMPERATURES[0]) ** shift)
