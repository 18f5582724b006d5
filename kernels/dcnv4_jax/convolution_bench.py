"""Times of the plain convolution and its gradients beside XLA's: `python -m dcnv4_jax.convolution_bench [--sizes 4,24,72,64,64]`.

3x3 taps. Milliseconds of this machine; for those of one core, `taskset -c 0` before it.
"""

import argparse
import functools
from collections.abc import Sequence

import jax

from dcnv4_jax.convolution import LAYOUT, conv_general_dilated
from dcnv4_jax.timing import median_seconds

SIZES = (  # n, h, w, input and output channels
    (4, 24, 72, 64, 64),
    (4, 24, 72, 160, 64),
    (16, 24, 72, 32, 32),
    (16, 24, 72, 128, 32),
    (16, 48, 144, 12, 3),
    (16, 12, 36, 96, 96),
    (4, 6, 36, 512, 512),
    (1, 24, 72, 32, 32),
    (1, 6, 36, 128, 128),
)
CONVOLUTIONS = {"kernels": conv_general_dilated, "XLA": jax.lax.conv_general_dilated}
RESULTS = ("output", "input gradient", "weight gradient")


def measure(size: Sequence[int], rounds: int, seconds_per_round: float) -> dict[str, float]:
    """Median seconds by result and convolution, such as `output, XLA`."""
    n, h, w, inputs, outputs = size
    keys = jax.random.split(jax.random.key(0), 3)
    value = jax.random.normal(keys[0], (n, h, w, inputs))
    weights = jax.random.normal(keys[1], (3, 3, inputs, outputs))
    grad = jax.random.normal(keys[2], (n, h, w, outputs))
    calls = {
        f"{result}, {name}": functools.partial(jax.jit(functools.partial(_compute, convolution, result)), value, weights, grad)
        for result in RESULTS
        for name, convolution in CONVOLUTIONS.items()
    }
    return median_seconds(calls, rounds=rounds, seconds_per_round=seconds_per_round)


def _compute(convolution, result: str, value, weights, grad):
    convolve = functools.partial(convolution, window_strides=(1, 1), padding="SAME", dimension_numbers=LAYOUT)
    if result == "output":
        return convolve(value, weights)
    by_value = result == "input gradient"
    function = (lambda value: convolve(value, weights)) if by_value else (lambda weights: convolve(value, weights))
    return jax.vjp(function, value if by_value else weights)[1](grad)[0]


def main(arguments: list[str] | None = None) -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m dcnv4_jax.convolution_bench", description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=SIZES, type=_size, help="n,h,w,inputs,outputs")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of which the median is taken")
    parser.add_argument("--seconds", type=float, default=0.02, help="length of a round for one of the six")
    options = parser.parse_args(arguments)
    xla = f"XLA of JAX {jax.__version__}"
    print("| n, h, w, inputs, outputs |", " | ".join(f"{result} | {xla}" for result in RESULTS), "|")
    print("|---" * 7 + "|")
    for size in options.sizes:
        times = measure(size, options.rounds, options.seconds)
        print(f"| {', '.join(map(str, size))} |", " | ".join(f"{1e3 * time:.2g}" for time in times.values()), "|", flush=True)


def _size(text: str) -> tuple[int, ...]:
    try:
        size = tuple(map(int, text.split(",")))
    except ValueError:
        size = ()
    if len(size) != 5 or min(size) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} found; expected five numbers of at least 1, such as 4,24,72,64,64")
    return size


if __name__ == "__main__":
    main()
