"""Licence plates that a camera barely saw, made legible: super-resolution and reading in JAX.

import lpasrn_jax as lp

reader = lp.load()
print(reader.read("plate.png"))
"""

import importlib
import pathlib
import sys
from typing import TYPE_CHECKING, Any

# The wheel carries dcnv4_jax in here, so that nothing else need be installed; a dcnv4-jax that is installed comes first.
if (_vendor := pathlib.Path(__file__).with_name("_vendor")).is_dir():
    sys.path.append(str(_vendor))

if TYPE_CHECKING:
    from lpasrn_jax.errors import UserError
    from lpasrn_jax.reading.evidence import Evidence
    from lpasrn_jax.reading.load import load
    from lpasrn_jax.reading.reader import Reader
    from lpasrn_jax.reading.reading import Reading

__all__ = ["Evidence", "Reader", "Reading", "UserError", "__version__", "load"]
__version__ = "0.1.0"
_DEFINED_IN = {
    "Evidence": "reading.evidence",
    "Reader": "reading.reader",
    "Reading": "reading.reading",
    "UserError": "errors",
    "load": "reading.load",
}


def __getattr__(name: str) -> Any:
    """The public names, whose import takes a second (JAX): `lpasrn --help` and a mistyped command need not wait for it."""
    if name not in _DEFINED_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_DEFINED_IN[name]}"), name)
