"""Checks the arrays that functions take and give against the shapes in their annotations."""

from __future__ import annotations

import functools
import inspect
import operator
import typing
from collections.abc import Callable
from typing import Any

import beartype
import jax
import numpy as np
from jaxtyping import AbstractArray


def check_shapes(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with beartype's checks of the annotations that name a shape.

    Others are left alone: what a user may give wrongly, such as a path, is the project's own to refuse, with its own error.
    """
    function.__annotations__ = {name: _lenient(hint) for name, hint in function.__annotations__.items() if _has_shape(hint)}
    return beartype.beartype(function)


def _has_shape(hint: Any) -> bool:
    return _is_shape(hint) or any(map(_has_shape, typing.get_args(hint)))


def _is_shape(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, AbstractArray)


def _lenient(hint: Any) -> Any:
    """The annotation with what JAX takes for an array of that shape: NumPy's too, and for scalars Python's numbers."""
    if _is_shape(hint):
        if hint.array_type is not jax.Array:
            return hint
        arrays = hint.dtype[jax.Array | np.ndarray | np.generic, hint.dim_str]
        return arrays if hint.dim_str.strip() else arrays | bool | int | float
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if not args or origin is None:
        return hint
    parts = tuple(map(_lenient, args))
    if origin in (typing.Union, type(int | str)):
        return functools.reduce(operator.or_, parts)
    return hint if any(isinstance(part, list) for part in parts) else origin[parts]
