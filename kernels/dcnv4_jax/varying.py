"""Mesh axes of the enclosing `shard_map` along which an array differs."""

import jax


def varying_axes(array: jax.Array) -> frozenset[str]:
    """The axes along which the array differs; none outside `shard_map`."""
    return jax.typeof(array).manual_axis_type.varying


def vary(array: jax.Array, axes: frozenset[str]) -> jax.Array:
    """Marks the array as differing along `axes`: `shard_map` asks it of operands that meet, and foreign calls do not say it."""
    missing = tuple(axes - varying_axes(array))
    return jax.lax.pcast(array, missing, to="varying") if missing else array
