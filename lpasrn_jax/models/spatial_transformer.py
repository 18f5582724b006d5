"""A spatial transformer: straightens an image by an affine map that it predicts."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lpasrn_jax.models.blocks import CONV_INIT, StridedConv
from lpasrn_jax.resampling import linear, resize

THUMBNAIL = (16, 48)  # height, width of what the localisation net looks at, whatever the size of the image
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def affine_sample(image: Float[Array, "b h w c"], affine: Float[Array, "b 2 3"]) -> Float[Array, "b h w c"]:
    """Samples each image where its affine map sends the pixels, bilinearly; beyond the edge the edge is repeated.

    The map takes (x, y, 1) to (x, y) in coordinates that run from -1 to 1 between the outer borders of the image.
    """
    _, h, w, _ = image.shape
    x, y = jnp.meshgrid((jnp.arange(w) * 2 + 1) / w - 1, (jnp.arange(h) * 2 + 1) / h - 1)
    # Left to itself, a matrix product may run in reduced precision on an accelerator, half a pixel off.
    x, y = jnp.einsum("brk,khw->rbhw", affine, jnp.stack([x, y, jnp.ones_like(x)]), precision="highest")
    rows, columns = ((y + 1) * h - 1) / 2, ((x + 1) * w - 1) / 2

    def sample(channel, rows, columns):
        return jax.scipy.ndimage.map_coordinates(channel, [rows, columns], order=1, mode="nearest")

    each_channel = jax.vmap(sample, in_axes=(2, None, None), out_axes=2)
    return jax.vmap(each_channel)(image, rows, columns)


class SpatialTransformer(nn.Module):
    """Predicts one affine map per image and applies it, [b h w c] -> [b h w c]; Jaderberg et al. 2015, arXiv 1506.02025.

    A new transformer is the identity.
    """

    dtype: jnp.dtype

    @nn.compact
    def __call__(self, image: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        b = image.shape[0]
        x = resize(image, THUMBNAIL, linear, antialias=True)
        for i, width in enumerate((16, 32, 32)):
            x = nn.relu(StridedConv(width, dtype=self.dtype, name=f"conv_{i}")(x))
        x = nn.relu(nn.Dense(64, dtype=self.dtype, kernel_init=CONV_INIT, name="hidden")(x.reshape(b, -1)))
        # Positions need more than bfloat16: at 144 pixels its step is most of a pixel.
        to_identity = nn.initializers.constant(jnp.array(IDENTITY))
        dtype = jnp.promote_types(jnp.float32, self.dtype)
        affine = nn.Dense(6, dtype=dtype, kernel_init=nn.initializers.zeros, bias_init=to_identity, name="affine")(x)
        return affine_sample(image, affine.reshape(b, 2, 3))
