"""Licence plates that a camera barely saw, made legible: super-resolution and reading in JAX.

import lpasrn_jax as lp

reader = lp.load("lite")
print(reader.read("plate.png"))
"""

import pathlib
import sys

# The wheel carries dcnv4_jax in here, so that nothing else need be installed; a dcnv4-jax that is installed comes first.
if (_vendor := pathlib.Path(__file__).with_name("_vendor")).is_dir():
    sys.path.append(str(_vendor))

from lpasrn_jax.reading.reader import Reader, load

__all__ = ["Reader", "load"]
