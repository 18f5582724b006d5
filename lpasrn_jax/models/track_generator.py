"""One SR image from several frames of a track: their shallow features are aligned and merged, and a generator does the rest."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from lpasrn_jax.models.blocks import Conv
from lpasrn_jax.models.deform import DCNv4


class FrameAlignment(nn.Module):
    """Features of other frames, moved to where the reference frame's are; zero offsets and no change in a new layer.

    Where to look is computed from the pair (frame, reference).
    """

    groups: int
    implementation: str
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, frames: Float[Array, "n h w c"], reference: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        c = frames.shape[-1]
        pair = jnp.concatenate([frames, reference], axis=-1)
        guide = nn.relu(Conv(c, dtype=self.dtype, name="guide")(pair))
        moved = DCNv4(self.groups, implementation=self.implementation, dtype=self.dtype, name="deform")(frames, guide)
        return frames + moved


class FrameWeights(nn.Module):
    """How well each aligned frame fits the reference, log-odds at each pixel; all alike in a new layer."""

    dtype: jnp.dtype

    @nn.compact
    def __call__(self, frames: Float[Array, "n h w c"], reference: Float[Array, "n h w c"]) -> Float[Array, "n h w 1"]:
        c = frames.shape[-1]
        pair = jnp.concatenate([frames, reference, jnp.abs(frames - reference)], axis=-1)
        x = nn.relu(Conv(c // 2, dtype=self.dtype, name="compare")(pair))
        # No bias: what all frames have in common does not change their weights.
        return Conv(1, use_bias=False, dtype=jnp.float32, kernel_init=nn.initializers.zeros, name="score")(x)


class FrameDetails(nn.Module):
    """What each aligned frame adds to the reference; nothing in a new layer.

    The pixels of a frame fall between those of the reference, and a mean of the two forgets where.
    """

    blocks: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, frames: Float[Array, "n h w c"], reference: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        c = frames.shape[-1]
        x = nn.relu(Conv(c // 2, dtype=self.dtype, name="join")(jnp.concatenate([frames, reference], axis=-1)))
        for i in range(self.blocks):
            y = nn.relu(Conv(c // 2, dtype=self.dtype, name=f"first_{i}")(x))
            x = x + Conv(c // 2, dtype=self.dtype, name=f"second_{i}")(y)
        return Conv(c, use_bias=False, dtype=self.dtype, kernel_init=nn.initializers.zeros, name="details")(x)


class FrameFusion(nn.Module):
    """Merges the frames of a track between a generator's shallow features and its trunk.

    The first frame is the reference: the result is of its moment and place. With one frame, it is that frame's features and
    image. The order of the other frames does not matter.

    Attributes:
      groups: DCNv4's channel groups.
      details: residual blocks of `FrameDetails`; with 0 there are no details, and the frames' features are only averaged.
      deform_implementation: of `dcnv4_jax.deform_conv`.
      dtype: of the computation; parameters are float32.
    """

    groups: int = 4
    details: int = 0
    deform_implementation: str = "auto"
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self, features: Float[Array, "b f h w c"], frames: Float[Array, "b f h w 3"], present: Bool[Array, "b f"]
    ) -> tuple[Float[Array, "b h w c"], Float[Array, "b h w 3"]]:
        """Merged features and image.

        Args:
          features: shallow features of each frame.
          frames: roughly registered, the reference first.
          present: False for a frame that only fills up the track; the first counts as present whatever it says.
        """
        b, f, h, w, _ = features.shape
        if f == 1:
            return features[:, 0], frames[:, 0]
        dtype = jnp.dtype(self.dtype)
        reference = jnp.broadcast_to(features[:, :1], features.shape)
        others, beside = (x[:, 1:].reshape(b * (f - 1), h, w, -1) for x in (features, reference))
        moved = FrameAlignment(self.groups, self.deform_implementation, dtype, name="align")(others, beside)
        aligned = jnp.concatenate([features[:, :1], moved.reshape(b, f - 1, h, w, -1)], axis=1)
        pairs = (x.reshape(b * f, h, w, -1) for x in (aligned, reference))
        scores = FrameWeights(dtype, name="weights")(*pairs).reshape(b, f, h, w, 1)
        counts = jnp.asarray(present).at[:, 0].set(True)[:, :, None, None, None]
        weights = jax.nn.softmax(jnp.where(counts, scores, -jnp.inf), axis=1)
        image = _weighted_sum(weights, frames)
        if self.details:
            added = FrameDetails(self.details, dtype, name="details")(moved, beside).reshape(b, f - 1, h, w, -1)
            aligned = jnp.concatenate([aligned[:, :1], aligned[:, 1:] + added], axis=1)
        return _weighted_sum(weights.astype(dtype), aligned), image


def _weighted_sum(weights: Float[Array, "b f h w 1"], frames: Float[Array, "b f h w c"]) -> Float[Array, "b h w c"]:
    """The sum over the frames f; as a product and `jnp.sum` it takes some releases of XLA forty times as long on a CPU."""
    return jnp.einsum("bfhwo,bfhwc->bhwc", weights, frames, precision="highest")
