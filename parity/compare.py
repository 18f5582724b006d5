"""Runs a PyTorch module and the Flax module that should equal it on the same numbers, and measures how far apart they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import numpy as np
import torch
from flax.traverse_util import flatten_dict, unflatten_dict

from lpasrn_jax.weights.torch_names import Target, to_flax


@dataclasses.dataclass(frozen=True)
class Point:
    """A place inside both networks whose values are compared: a PyTorch module's output and a Flax module's."""

    torch_module: str
    flax_path: str


@dataclasses.dataclass(frozen=True)
class Errors:
    """Largest differences: absolute for values, relative to each tensor's largest value for gradients."""

    output: float
    intermediates: dict[str, float]
    input_gradient: float
    parameter_gradients: dict[str, float]


def randomise(module: torch.nn.Module, seed: int, offsets: float = 6.0) -> torch.nn.Module:
    """Makes every parameter random, so that nothing hides behind a zero; `offsets` scales those that move sampling points."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            bound = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.3
            noise = torch.rand(parameter.shape, generator=generator) * 2 - 1
            parameter.copy_(noise * bound * (offsets if "offset" in name else 1.0))
            if parameter.ndim == 1 and name.endswith("weight"):
                parameter.add_(1.0)  # the scale of a normalisation
    return module.eval()


def layer_points(names: Mapping[str, Target]) -> list[Point]:
    """The output of each layer that has a weight."""
    return [
        Point(key.removesuffix(".weight"), target.path.removesuffix("/kernel"))
        for key, target in names.items()
        if key.endswith(".weight") and target.path.endswith("/kernel")
    ]


def compare(
    module: torch.nn.Module,
    flax_module: nn.Module,
    names: Mapping[str, Target],
    inputs: np.ndarray,
    points: list[Point],
    flatten_output: Callable = lambda output: output,
) -> Errors:
    """Compares outputs, the values at `points`, and the gradients of a random linear function of the output.

    Args:
      inputs: [b, h, w, c] or [b, f, h, w, c], of the precision in which both compute; the PyTorch module gets it, and gives its
        own, channels first.
      flatten_output: makes one array or tensor of what the modules return.
    """
    torch_values = _record(module, points)
    x = torch.from_numpy(_channels_first(inputs)).requires_grad_()
    output = flatten_output(module(x))
    expected = _channels_last(output)
    cotangent = np.random.default_rng(0).normal(size=expected.shape).astype(inputs.dtype)
    output.backward(torch.from_numpy(_channels_first(cotangent)))
    params = flax_params(module, names)

    def weighed(params, inputs):
        output, state = flax_module.apply({"params": params}, inputs, capture_intermediates=True)
        output = flatten_output(output)
        return (output * cotangent).sum(), (output, state["intermediates"])

    differentiate = jax.jit(jax.value_and_grad(weighed, (0, 1), has_aux=True))
    (_, (actual, flax_values)), (gradients, input_gradient) = differentiate(params, inputs)
    flax_values = {path.removesuffix("/__call__"): values for path, values in flatten_dict(flax_values, sep="/").items()}
    gradients = flatten_dict(gradients, sep="/")
    parameters = dict(module.named_parameters())
    return Errors(
        output=float(np.abs(expected - actual).max()),
        intermediates={path: _largest(torch_values[path], flax_values[path]) for path in sorted(torch_values)},
        input_gradient=_relative(_channels_last(x.grad), input_gradient),
        parameter_gradients={
            target.path: _relative(target.layout(parameters[key].grad.numpy()), gradients[target.path])
            for key, target in names.items()
            if key in parameters
        },
    )


def flax_params(module: torch.nn.Module, names: Mapping[str, Target]) -> dict:
    """The module's parameters as a Flax tree."""
    state = {key: value.detach().numpy() for key, value in module.state_dict().items()}
    return unflatten_dict(to_flax(names, state), sep="/")


def _record(module: torch.nn.Module, points: list[Point]) -> dict[str, list[np.ndarray]]:
    """The outputs of the points' PyTorch modules, by Flax path, filled in when the module runs."""
    values: dict[str, list[np.ndarray]] = {}
    modules = dict(module.named_modules())
    for point in points:

        def note(source, _, output, path=point.flax_path):
            is_channels_last = isinstance(source, torch.nn.Linear)
            values.setdefault(path, []).append(output.detach().numpy() if is_channels_last else _channels_last(output))

        modules[point.torch_module].register_forward_hook(note)
    return values


def _channels_first(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(array, -1, -3)) if array.ndim >= 4 else array


def _channels_last(tensor: torch.Tensor) -> np.ndarray:
    array = tensor.detach().numpy()
    return np.moveaxis(array, -3, -1) if array.ndim >= 4 else array


def _largest(expected: list[np.ndarray], actual: tuple[jax.Array, ...]) -> float:
    return max(float(np.abs(e - np.asarray(a)).max()) for e, a in zip(expected, actual, strict=True))


def _relative(expected: np.ndarray, actual: jax.Array) -> float:
    return float(np.abs(expected - np.asarray(actual)).max() / max(np.abs(expected).max(), 1e-6))
