"""Figures that say how good an image is; each is one value an example."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Array, Float

from lpasrn_jax.losses import pixel

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
