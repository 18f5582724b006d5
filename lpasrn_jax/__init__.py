"""Licence plates that a camera barely saw, made legible: super-resolution and reading in JAX.

import lpasrn_jax as lp

reader = lp.load("lite")
print(reader.read("plate.png"))
"""

from lpasrn_jax.reading.reader import Reader, load

__all__ = ["Reader", "load"]
