"""Augmentation on the device, inside the jitted step, different for each example and key.

LR and HR of a pair are warped alike; light and camera effects, from blur to JPEG, are applied to LR only, because HR is the
generator's target. An HR image without its LR, as the embedder compares them, is only warped. Plates are never flipped: a
mirrored letter is another letter, or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dm_pix as pix
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from lpasrn_jax.data.jpeg import jpeg_compress

# A strength is the largest change; each example's change is sampled uniformly from the range up to it. 0 skips the operation.
DEFAULTS = {
    "enabled": True,
    "rotation_degrees": 3.0,
    "translate": 0.03,  # fraction of the width and height
    "scale": 0.05,  # 0.05: from 0.95 to 1.05 times as large
    "shear": 0.1,  # shift to the right for each pixel down
    "perspective": 0.03,  # relative change of size from the centre to an edge
    "uneven_light": 0.0,  # on [0, 1]: what a glare adds at its brightest place; of a shadow, the part of the light that it takes
    "brightness": 0.05,  # on [0, 1]
    "contrast": 0.1,  # 0.1: from 0.9 to 1.1 times
    "saturation": 0.2,  # 0.2: from 0.8 to 1.2 times
    "hue": 0.01,  # fraction of the full circle
    "blur_sigma": 0.8,  # LR pixels
    "noise_std": 0.02,  # on [0, 1]
    "jpeg_quality": (40, 100),  # lowest and highest, on libjpeg's scale; (100, 100) skips it
}
GEOMETRY = ("rotation_degrees", "translate", "scale", "shear", "perspective")
PHOTOMETRY = ("brightness", "contrast", "saturation", "hue", "blur_sigma", "noise_std", "jpeg_quality")

Images = Float[Array, "b h w 3"]


def augment(
    key: PRNGKeyArray, lr: Images, hr: Float[Array, "b rh rw 3"], config: Mapping[str, Any]
) -> tuple[Images, Float[Array, "b rh rw 3"]]:
    """LR and HR, warped alike, and LR as another camera might have seen it.

    Args:
      key: of all random changes.
      lr: images in [-1, 1].
      hr: images in [-1, 1], the same plates.
      config: the keys of `DEFAULTS`, with values that are static when the step is traced.

    Returns:
      Images in [-1, 1]. With `enabled` False, or with every strength zero, the same arrays.
    """
    if not config["enabled"]:
        return lr, hr
    geometry_key, photometry_key = jax.random.split(key)
    lr, hr = geometric(geometry_key, (lr, hr), config)
    return photometric(photometry_key, _lit(photometry_key, lr, config), config), hr


def augment_track(
    key: PRNGKeyArray, frames: Float[Array, "b f h w 3"], hr: Float[Array, "b rh rw 3"], config: Mapping[str, Any]
) -> tuple[Float[Array, "b f h w 3"], Float[Array, "b rh rw 3"]]:
    """The registered frames of tracks and the reference frame's HR, all warped alike; the frames in one light, each with its own
    camera effects."""
    if not config["enabled"]:
        return frames, hr
    b, f, h, w, _ = frames.shape
    geometry_key, photometry_key = jax.random.split(key)
    together = jnp.moveaxis(frames, 1, -1).reshape(b, h, w, 3 * f)
    together, hr = geometric(geometry_key, (together, hr), config)
    together = _lit(photometry_key, together, config)
    frames = jnp.moveaxis(together.reshape(b, h, w, 3, f), -1, 1)
    return photometric(photometry_key, frames.reshape(b * f, h, w, 3), config).reshape(frames.shape), hr


def perturb(key: PRNGKeyArray, images: Images, config: Mapping[str, Any]) -> Images:
    """Images as another camera might have seen them from another place: warped, then changed in light, colour and sharpness."""
    if not config["enabled"]:
        return images
    geometry_key, photometry_key = jax.random.split(key)
    (images,) = geometric(geometry_key, (images,), config)
    return photometric(photometry_key, _lit(photometry_key, images, config), config)


def frames_present(key: PRNGKeyArray, tracks: int, frames: int, single: float) -> Bool[Array, "b f"]:
    """Which frames of training tracks are present: with probability `single` the reference only, else 2 to all, uniformly."""
    single_key, count_key = jax.random.split(key)
    alone = jax.random.bernoulli(single_key, single, (tracks,))
    counts = jnp.where(alone, 1, jax.random.randint(count_key, (tracks,), 2, frames + 1))
    return jnp.arange(frames) < counts[:, None]


def with_foreign_frames(key: PRNGKeyArray, tracks: Float[Array, "b f h w 3"], share: float) -> Float[Array, "b f h w 3"]:
    """Replaces each frame except the reference, with probability `share`, by a frame of the previous track in the batch.

    A tracker that jumps to another car produces such tracks.
    """
    if not share:
        return tracks
    foreign = jax.random.bernoulli(key, share, tracks.shape[:2]).at[:, 0].set(False)
    return jnp.where(foreign[:, :, None, None, None], jnp.roll(tracks, 1, axis=0), tracks)


def geometric(key: PRNGKeyArray, sizes: Sequence[Images], config: Mapping[str, Any]) -> tuple[Images, ...]:
    """The same plates at one or more sizes, warped alike; arguments as for `augment`."""
    if not config["enabled"] or not any(config[name] for name in GEOMETRY):
        return tuple(sizes)
    b, h, w, _ = sizes[0].shape
    matrices = random_warps(key, b, w / h, config)
    return tuple(warp(images, matrices) for images in sizes)


def random_warps(key: PRNGKeyArray, count: int, aspect: float, config: Mapping[str, Any]) -> Float[Array, "b 3 3"]:
    """Homographies from a position in the result to the position in the image that it shows.

    In relative coordinates: (-1, -1) is the outer top-left corner of an image and (1, 1) the outer bottom-right one, whatever its
    size. `aspect` is width over height of the images, since rotation and shear are defined in pixels.
    """
    keys = jax.random.split(key, 7)

    def uniform(i: int, limit: float) -> Float[Array, " b"]:
        return jax.random.uniform(keys[i], (count,), minval=-limit, maxval=limit)

    angle = jnp.deg2rad(uniform(0, config["rotation_degrees"]))
    size = 1.0 / (1.0 + uniform(1, config["scale"]))
    shear = uniform(2, config["shear"])
    x, y = 2.0 * uniform(3, config["translate"]), 2.0 * uniform(4, config["translate"])
    tilt_x, tilt_y = uniform(5, config["perspective"]), uniform(6, config["perspective"])
    cos, sin = size * jnp.cos(angle), size * jnp.sin(angle)
    # rotation and scale times shear, with the aspect taken out on the right and put back on the left
    rows = [
        [cos, (cos * shear - sin) / aspect, x],
        [sin * aspect, sin * shear + cos, y],
        [tilt_x, tilt_y, jnp.ones(count)],
    ]
    return jnp.stack([jnp.stack(row, -1) for row in rows], -2)


def warp(images: Images, matrices: Float[Array, "b 3 3"]) -> Images:
    """Images seen through homographies of `random_warps`: bilinear, with the border repeated outwards."""
    _, h, w, _ = images.shape
    v, u = jnp.meshgrid((2 * jnp.arange(h) + 1) / h - 1, (2 * jnp.arange(w) + 1) / w - 1, indexing="ij")
    places = jnp.stack([u, v, jnp.ones_like(u)])

    def warp_one(image: Float[Array, "h w 3"], matrix: Float[Array, "3 3"]) -> Float[Array, "h w 3"]:
        # By default, a matrix product may run in reduced precision on an accelerator, with errors of half a pixel.
        u, v, depth = jnp.einsum("ij,jhw->ihw", matrix, places, precision="highest")
        rows_and_columns = jnp.stack([(v / depth + 1) * h / 2 - 0.5, (u / depth + 1) * w / 2 - 0.5])
        one_channel = lambda channel: pix.flat_nd_linear_interpolate(channel, rows_and_columns)  # noqa: E731
        return jax.vmap(one_channel, in_axes=-1, out_axes=-1)(image)

    return jax.vmap(warp_one)(images, matrices)


def _lit(key: PRNGKeyArray, images: Float[Array, "b h w c"], config: Mapping[str, Any]) -> Float[Array, "b h w c"]:
    limit = config["uneven_light"]
    return uneven_light(jax.random.fold_in(key, len(PHOTOMETRY)), images, limit) if limit else images


def uneven_light(key: PRNGKeyArray, images: Float[Array, "b h w c"], limit: float) -> Float[Array, "b h w c"]:
    """Images in [-1, 1], each with a glare or with a shadow on a part of it: ellipses with soft edges.

    Args:
      key: of strengths, places and sizes.
      images: of any number of channels, which get the same light.
      limit: of the strength, which is uniform from 0: what a glare adds on [0, 1], or the part of the light that a shadow takes.
        Both are equally likely.
    """
    b, h, w, _ = images.shape
    keys = jax.random.split(key, 3)
    strength = jax.random.uniform(keys[0], (b, 1, 1, 1), minval=-limit, maxval=limit)
    centre_x, centre_y = jax.random.uniform(keys[1], (2, b, 1, 1, 1), minval=-1.0, maxval=1.0)
    radius_x, radius_y = jnp.exp(jax.random.uniform(keys[2], (2, b, 1, 1, 1), minval=jnp.log(0.3), maxval=jnp.log(1.5)))
    u, v = (((2 * jnp.arange(w) + 1) / w - 1)[:, None], ((2 * jnp.arange(h) + 1) / h - 1)[:, None, None])
    light = strength * jnp.exp(-(((u - centre_x) / radius_x) ** 2) - ((v - centre_y) / radius_y) ** 2)
    unit = (images + 1.0) / 2.0
    lit = jnp.where(light > 0, unit + light, unit * (1.0 + light))
    return 2.0 * jnp.clip(lit, 0.0, 1.0) - 1.0


def photometric(key: PRNGKeyArray, images: Images, config: Mapping[str, Any]) -> Images:
    """Images in [-1, 1] as another camera might have seen them: light and colour, then lens, sensor noise and file."""
    keys = dict(zip(PHOTOMETRY, jax.random.split(key, len(PHOTOMETRY)), strict=True))

    def uniform(name: str, low: float, high: float) -> Float[Array, " b"]:
        return jax.random.uniform(keys[name], images.shape[:1], minval=low, maxval=high)

    unit = jnp.clip((images + 1.0) / 2.0, 0.0, 1.0)
    changed = unit
    if limit := config["brightness"]:
        changed = jax.vmap(pix.adjust_brightness)(changed, uniform("brightness", -limit, limit))
    if limit := config["contrast"]:
        changed = jax.vmap(pix.adjust_contrast)(changed, uniform("contrast", 1 - limit, 1 + limit))
    if limit := config["saturation"]:
        changed = jax.vmap(pix.adjust_saturation)(jnp.clip(changed, 0.0, 1.0), uniform("saturation", 1 - limit, 1 + limit))
    if limit := config["hue"]:
        changed = jax.vmap(pix.adjust_hue)(jnp.clip(changed, 0.0, 1.0), uniform("hue", -limit, limit))
    if limit := config["blur_sigma"]:
        changed = _blur(changed, uniform("blur_sigma", 0.0, limit), limit)
    if limit := config["noise_std"]:
        std_key, noise_key = jax.random.split(keys["noise_std"])
        std = jax.random.uniform(std_key, (len(images), 1, 1, 1), maxval=limit)
        changed += std * jax.random.normal(noise_key, changed.shape)
    low, high = config["jpeg_quality"]
    if low < 100:
        changed = jpeg_compress(jnp.clip(changed, 0.0, 1.0), uniform("jpeg_quality", low, high))
    # If nothing was changed, the images themselves: conversion to [0, 1] and back would round.
    return images if changed is unit else 2.0 * jnp.clip(changed, 0.0, 1.0) - 1.0


def _blur(images: Images, sigmas: Float[Array, " b"], largest: float) -> Images:
    """Gaussian blur with one sigma per image; the border is repeated outwards."""
    radius = max(1, round(3 * largest))
    padded = jnp.pad(images, ((0, 0), (radius, radius), (radius, radius), (0, 0)), mode="edge")
    # The kernel of a sigma this small is a single 1; that of 0 would be 0/0.
    sigmas = jnp.maximum(sigmas, 1e-2)
    return jax.vmap(lambda image, sigma: pix.gaussian_blur(image, sigma, 2 * radius + 1, padding="VALID"))(padded, sigmas)
