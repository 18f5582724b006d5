"""The plain XLA implementation: gathers one tap at a time, runs on every platform and in `jax.export`."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dcnv4_jax.spec import DeformConvSpec


def unavailable() -> str:
    """Why this implementation cannot run here; empty because it always can."""
    return ""


def forward(
    spec: DeformConvSpec, value: Float[Array, "n h w c"], offset_mask: Float[Array, "n ho wo m"]
) -> Float[Array, "n ho wo c"]:
    """Samples and sums the taps one after another in float32; XLA fuses the unrolled loop, so no tap is ever stored whole."""
    dx, dy, mask = _split(spec, offset_mask)
    value32 = value.astype(jnp.float32)
    # Not a scan: XLA's CPU compiler fuses the unrolled sum into one loop, nearly twice as fast and with less memory.
    total = sum(_sample(spec, tap, value32, dx[k], dy[k], mask[k]) for k, tap in enumerate(spec.taps))
    return total.astype(value.dtype)


def backward(
    spec: DeformConvSpec,
    value: Float[Array, "n h w c"],
    offset_mask: Float[Array, "n ho wo m"],
    grad: Float[Array, "n ho wo c"],
) -> tuple[Float[Array, "n h w c"], Float[Array, "n ho wo m"]]:
    """Pulls `grad` back through one tap at a time, so that memory does not grow with the kernel."""
    value32, grad32 = value.astype(jnp.float32), grad.astype(jnp.float32)

    def pull_tap(grad_value, tap):
        position, dx, dy, mask = tap
        _, pull = jax.vjp(functools.partial(_sample, spec, position), value32, dx, dy, mask)
        grad_value_tap, *grad_tap = pull(grad32)
        return grad_value + grad_value_tap, tuple(grad_tap)

    taps = tuple(jnp.asarray(axis, jnp.float32) for axis in zip(*spec.taps, strict=True))
    grad_value, grad_taps = jax.lax.scan(pull_tap, jnp.zeros_like(value32), (taps, *_split(spec, offset_mask)))
    return grad_value.astype(value.dtype), _join(spec, *grad_taps, like=offset_mask)


def _split(spec: DeformConvSpec, offset_mask: Float[Array, "n ho wo m"]) -> tuple[Float[Array, "k n ho wo g"], ...]:
    """x offsets, y offsets and mask values, taps first, float32."""
    n, ho, wo, _ = offset_mask.shape
    k = len(spec.taps)
    used = offset_mask[..., : spec.offset_mask_channels].astype(jnp.float32).reshape(n, ho, wo, spec.groups, 3 * k)
    used = jnp.moveaxis(used, -1, 0)
    return used[0 : 2 * k : 2], used[1 : 2 * k : 2], used[2 * k :]


def _join(
    spec: DeformConvSpec,
    dx: Float[Array, "k n ho wo g"],
    dy: Float[Array, "k n ho wo g"],
    mask: Float[Array, "k n ho wo g"],
    like: Float[Array, "n ho wo m"],
) -> Float[Array, "n ho wo m"]:
    """The inverse of `_split`, with zeros in the channels that it ignores."""
    k, n, ho, wo, _ = dx.shape
    used = jnp.concatenate([jnp.stack([dx, dy], axis=1).reshape(2 * k, n, ho, wo, spec.groups), mask])
    used = jnp.moveaxis(used, 0, -1).reshape(n, ho, wo, spec.offset_mask_channels)
    return jnp.pad(used, [(0, 0)] * 3 + [(0, like.shape[-1] - spec.offset_mask_channels)]).astype(like.dtype)


def _sample(
    spec: DeformConvSpec,
    tap: tuple[Float[Array, ""], Float[Array, ""]],
    value: Float[Array, "n h w c"],
    dx: Float[Array, "n ho wo g"],
    dy: Float[Array, "n ho wo g"],
    mask: Float[Array, "n ho wo g"],
) -> Float[Array, "n ho wo c"]:
    """Bilinear samples of one tap (column, row) for all output pixels, times their mask."""
    n, h, w, c = value.shape
    _, ho, wo, g = dx.shape
    column, row = tap
    (y_centre, x_centre), (y_reach, x_reach) = spec.centre, spec.reach
    (y_stride, x_stride), (y_dilation, x_dilation) = spec.strides, spec.dilation
    x = ((jnp.arange(wo) * x_stride + x_centre) - x_reach)[:, None] + (column * x_dilation + dx) * spec.offset_scale
    y = ((jnp.arange(ho) * y_stride + y_centre) - y_reach)[:, None, None] + (row * y_dilation + dy) * spec.offset_scale
    counts = (x > -1) & (x < w) & (y > -1) & (y < h)
    # A tap that does not count must not reach the arithmetic: its NaN would survive a multiplication by zero, also backward.
    x, y, mask = (jnp.where(counts, array, 0.0) for array in (x, y, mask))
    x_low, y_low = jnp.floor(x), jnp.floor(y)
    right, down = (x - x_low)[..., None], (y - y_low)[..., None]

    # A border of zeros makes all four corners of a tap that counts readable without a test; rows are [d] values.
    bordered = jnp.pad(value, ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(n, (h + 2) * (w + 2) * g, c // g)
    corner = ((y_low.astype(jnp.int32) + 1) * (w + 2) + x_low.astype(jnp.int32) + 1) * g + jnp.arange(g)
    read = jax.vmap(lambda rows, index: rows.at[index].get(mode="promise_in_bounds"))
    below = (w + 2) * g
    top = (1 - right) * read(bordered, corner) + right * read(bordered, corner + g)
    bottom = (1 - right) * read(bordered, corner + below) + right * read(bordered, corner + below + g)
    sample = ((1 - down) * top + down * bottom) * mask[..., None]
    return jnp.where(counts[..., None], sample, 0.0).reshape(n, ho, wo, c)
