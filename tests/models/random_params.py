"""Parameters for tests: random everywhere, also where a new network has zeros."""

from __future__ import annotations

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict


def random_params(module, *inputs, seed=0):
    """Parameters of a module: kernels that keep the variance, biases around 0, scales of normalisations around 1.

    Made by NumPy: compiling a network's initialisation takes longer than most tests.
    """
    return random_values(jax.eval_shape(module.init, jax.random.key(0), *inputs)["params"], seed)


def random_values(shapes, seed=0):
    """The same for parameters of given shapes."""
    rng = np.random.default_rng(seed)

    def value(path, shape):
        noise = rng.normal(size=shape).astype(np.float32)
        if path.endswith("kernel"):
            return noise / np.float32(np.prod(shape[:-1])) ** 0.5
        return 0.1 * noise + path.endswith("scale")

    return unflatten_dict({path: value(path, leaf.shape) for path, leaf in flatten_dict(shapes, sep="/").items()}, sep="/")


def images(*shape, seed=0):
    """Uniform in [-1, 1]."""
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
