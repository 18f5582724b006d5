"""Convolution, resampling and the small blocks of which the generator is made."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from dcnv4_jax.convolution import conv_general_dilated
from lpasrn_jax.resampling import linear, resize

# A third of LeCun's variance (PyTorch's default): the residual blocks add up, and with the whole of it the last tanh saturates.
CONV_INIT = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


class Conv(nn.Conv):
    """A convolution [b h w c] -> [b h w features] that keeps h and w (zero padding), 3x3 unless told otherwise."""

    kernel_size: int | Sequence[int] = (3, 3)
    kernel_init: nn.initializers.Initializer = CONV_INIT
    conv_general_dilated: Callable[..., Array] = conv_general_dilated  # XLA's, or faster kernels on a CPU


class StridedConv(Conv):
    """A convolution [b h w c] -> [b h/2 w/2 features], rounded up, centred on every other pixel from the first, as in PyTorch."""

    strides: int | Sequence[int] = 2
    padding: int = 1


def pixel_shuffle(x: Float[Array, "b h w c"], r: int) -> Float[Array, "b h*{r} w*{r} c//{r}**2"]:
    """Moves channels into space: input channel c*r*r + dy*r + dx becomes pixel (dy, dx) of output channel c, as in PyTorch."""
    b, h, w, c = x.shape
    x = x.reshape(b, h, w, c // (r * r), r, r)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(b, h * r, w * r, c // (r * r))


def pixel_unshuffle(x: Float[Array, "b h w c"], r: int) -> Float[Array, "b h//{r} w//{r} c*{r}**2"]:
    """The inverse of `pixel_shuffle`."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // r, r, w // r, r, c)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(b, h // r, w // r, c * r * r)


def max_pool(x: Float[Array, "b h w c"], window: tuple[int, int]) -> Float[Array, "b -(-h//{window[0]}) -(-w//{window[1]}) c"]:
    """The largest value of each window of height and width (wh, ww), side by side; sizes are rounded up.

    Not `nn.max_pool`: XLA's gradient of a sliding window scatters, which takes a CPU four times as long. Nor `jnp.max`, whose
    gradient goes to the elements that equal the maximum: where XLA computes x twice, rounded differently, none may, and the
    gradient is lost or 0 / 0. Of equal elements the first gets the gradient, as in `nn.max_pool`; NaN wins over every number.
    """
    b, h, w, c = x.shape
    window_h, window_w = window
    rows, columns = -(-h // window_h), -(-w // window_w)
    missing = ((0, 0), (0, rows * window_h - h), (0, columns * window_w - w), (0, 0))
    x = jnp.pad(x, missing, constant_values=-jnp.inf).reshape(b, rows, window_h, columns, window_w, c)
    elements = [x[:, :, i, :, j] for i in range(window_h) for j in range(window_w)]
    return functools.reduce(lambda a, b: jnp.where((a >= b) | jnp.isnan(a), a, b), elements)


def resize_bilinear(x: Float[Array, "b h w c"], height: int, width: int) -> Float[Array, "b height width c"]:
    """Bilinear resize with half-pixel centres, edges repeated, and no antialiasing when it shrinks."""
    return resize(x, (height, width), linear)


def rescale_bilinear(x: Float[Array, "b h w c"], scale: float) -> Float[Array, "b new_h new_w c"]:
    """Bilinear resize by a factor: output pixel i lies at (i + 0.5) / scale - 0.5 of the input.

    The size is rounded down, at least 1. `resize_bilinear` to the same size would divide by the ratio of the
    sizes instead, which differs from `scale` where the size was rounded.
    """
    _, h, w, _ = x.shape
    return resize(x, (max(int(h * scale), 1), max(int(w * scale), 1)), linear, scale=scale)


class ShallowFeatures(nn.Module):
    """First features of an image and an autoencoder over them: [b h w 3] -> [b h w features], any h and w."""

    features: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b h w f"]:
        _, h, w, _ = image.shape
        first = nn.relu(Conv(self.features, (5, 5), dtype=self.dtype, name="conv_first")(image))
        x = jnp.pad(first, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)), mode="reflect")
        x = nn.relu(Conv(self.features, dtype=self.dtype, name="conv_compressed")(pixel_unshuffle(x, 2)))
        x = pixel_shuffle(x, 2)[:, :h, :w]
        return nn.relu(Conv(self.features, dtype=self.dtype, name="conv_final")(x)) + first


class Upscaler(nn.Module):
    """Features to an image `scale` times as large: [b h w features] -> [b scale*h scale*w 3]."""

    features: int
    scale: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Float[Array, "b h w f"]) -> Float[Array, "b h*{self.scale} w*{self.scale} 3"]:
        if self.scale == 4:
            x = nn.relu(pixel_shuffle(Conv(4 * self.features, dtype=self.dtype, name="conv_double")(x), 2))
        return pixel_shuffle(Conv(3 * 2 * 2, dtype=self.dtype, name="conv_rgb")(x), 2)
