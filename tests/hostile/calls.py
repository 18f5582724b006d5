"""Calls of the public API with what nobody should give it."""

from __future__ import annotations

import fractions
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

Call = Callable[[Any], Any]  # of a Reader


def hostile_call(rng: np.random.Generator) -> tuple[str, Call]:
    """What the call is, for reports, and the call itself."""
    kind = rng.integers(5)
    if kind == 0:
        frames = [hostile_array(rng) for _ in range(rng.integers(0, 4))]
        return f"read_track({[_told(frame) for frame in frames]})", lambda reader: reader.read_track(frames)
    if kind == 1:
        frames, fusion, layout = THINGS[rng.integers(len(THINGS))](), _thing(rng), _thing(rng)
        said = f"read_track({_told(frames)}, fusion={_told(fusion)}, layout={_told(layout)})"
        return said, lambda reader: reader.read_track(frames, fusion=fusion, layout=layout)
    if kind == 2:
        image, layout = _thing(rng), _thing(rng)
        return f"read({_told(image)}, layout={_told(layout)})", lambda reader: reader.read(image, layout=layout)
    image = hostile_array(rng)
    method = ("read", "enhance")[kind - 3]
    return f"{method}({_told(image)})", lambda reader: getattr(reader, method)(image)


def hostile_array(rng: np.random.Generator) -> Any:
    """An image, or an array that is none: of any type, shape, range, order and stride."""
    shape = [int(rng.choice([0, 1, 3, 4, 8, 24, 50, 300], p=[0.02, 0.02, 0.02, 0.04, 0.3, 0.3, 0.2, 0.1])) for _ in range(2)]
    shape += SHAPES[rng.integers(len(SHAPES))]
    dtype = DTYPES[rng.integers(len(DTYPES))]
    with np.errstate(all="ignore"):
        values = rng.normal(*RANGES[rng.integers(len(RANGES))], size=shape)
        array = values.astype(dtype) if dtype not in ("M8[s]", "V8") else values.astype("i8").view(dtype)
    if np.issubdtype(array.dtype, np.floating) and array.size and rng.random() < 0.3:
        array.flat[rng.integers(array.size)] = (np.nan, np.inf, -np.inf, -0.0, 1e38)[rng.integers(5)]
    return FORMS[rng.integers(len(FORMS))](array)


def hostile_load_options(rng: np.random.Generator) -> dict[str, Any]:
    """Arguments of `load`."""
    return {("device", "min_confidence")[rng.integers(2)]: _thing(rng)}


DTYPES = (
    "u1", "u1", "u1", "u1", "u1", "u1", "u2", ">u2", "i1", "i4", "i8", "u8", "f2", "f4", "f8", ">f4", "g", "c8", "?", "O", "U3",
    "S3", "M8[s]", "V8",
)  # fmt: skip
RANGES = ((0.5, 0.1), (128, 50), (0, 1), (0, 1e300), (2e4, 1e4))
SHAPES = ([], [], [1], [2], [3], [3], [3], [3], [3], [4], [4], [5], [0], [3, 1])
FORMS = (
    lambda array: array,
    lambda array: array,
    lambda array: array[::-1, ::-1],
    lambda array: np.asfortranarray(array),
    lambda array: array.swapaxes(0, 1),
    lambda array: np.ma.masked_invalid(array) if array.dtype.kind in "fc" else np.ma.masked_array(array),
    lambda array: array.tolist(),
    lambda array: array[None],
    lambda array: np.broadcast_to(array[:1, :1], (5000, 7000, *array.shape[2:])) if array.size else array,
    lambda array: np.broadcast_to(array[:1, :1], (10**6, 10**6, *array.shape[2:])) if array.size else array,
    lambda array: Image.fromarray(array) if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3 else array,
)


class Failing:
    """An object each of whose conversions fails."""

    def __array__(self, *_, **__):
        raise RuntimeError("no array")

    def __iter__(self):
        raise OSError("no items")

    def __fspath__(self):
        return 3

    def __eq__(self, other):
        raise ZeroDivisionError

    __hash__ = None


THINGS: tuple[Callable[[], Any], ...] = (
    lambda: None, lambda: 3, lambda: -1.5, lambda: float("nan"), lambda: True, lambda: "", lambda: "plate.png", lambda: "\0",
    lambda: "x" * 10_000, lambda: "\udcff", lambda: b"plate.png", list, lambda: [[]], lambda: [None], dict,
    lambda: {"a": 1}, lambda: set(), lambda: Failing(), lambda: [Failing()], lambda: object(), lambda: int, lambda: 10**400,
    lambda: 1j, lambda: fractions.Fraction(1, 3), lambda: np.float32(0.5), lambda: np.array(None), lambda: iter([]),
    lambda: (x for x in [b"1"]), lambda: itertools.repeat(None), lambda: Image.new("RGB", (9, 9)), lambda: Image.new("F", (9, 9)),
    lambda: Image.new("RGB", (0, 5)), lambda: "/", lambda: "/dev/zero", lambda: "/dev/stdin", lambda: "/proc/self/mem",
    lambda: "Mercosur", lambda: "hc", lambda: ["Mercosur"], lambda: ("hc",), lambda: np.str_("hc"), lambda: "HC",
    lambda: bytearray(9), lambda: memoryview(b"123"), lambda: slice(3), lambda: ..., lambda: lambda: 3,
)  # fmt: skip


def _thing(rng: np.random.Generator) -> Any:
    return THINGS[rng.integers(len(THINGS))]()


def _told(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    try:
        return repr(value)[:60]
    except Exception:
        return type(value).__name__
