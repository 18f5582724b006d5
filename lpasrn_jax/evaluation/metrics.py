"""What is judged, and the figures that judge it; each is one value an example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxtyping import Array, Float

from lpasrn_jax import images
from lpasrn_jax.losses import pixel
from lpasrn_jax.models.generator import Generator

IMAGE_METRICS = {"psnr": pixel.psnr, "ssim": pixel.ssim}


def judged_images(generator: Generator, params: Any, lr: Float[Array, "b h w 3"]) -> dict[str, Float[Array, "b rh rw 3"]]:
    """LR images in [-1, 1] enlarged in the two ways that are compared: `bicubic`, and `sr` by the generator."""
    return {"bicubic": images.bicubic_upscale(lr, generator.scale), "sr": generator.apply({"params": params}, lr)}


def image_scores(
    made: Mapping[str, Float[Array, "b h w 3"]], hr: Float[Array, "b h w 3"]
) -> dict[str, dict[str, Float[Array, " b"]]]:
    """Each metric of each kind of image against HR, as `scores[metric][kind]`.

    Args:
      made: images in [-1, 1] by kind, such as `bicubic` and `sr`.
      hr: what they should be.
    """
    return {metric: {kind: score(image, hr) for kind, image in made.items()} for metric, score in IMAGE_METRICS.items()}
