"""How Triton is loaded: with its own LLVM, also where TensorFlow was first."""

import importlib
import os
import sys
import types


def load_triton() -> types.ModuleType:
    """The package `triton`; ImportError where it is not installed.

    TensorFlow offers the symbols of its LLVM to every library that is loaded later. Triton's takes them for its own and ends the
    process with a segmentation fault (Triton 3.7.1 after TensorFlow 2.21) unless it is told to look into itself first.
    """
    flags = sys.getdlopenflags()
    if "tensorflow" in sys.modules and hasattr(os, "RTLD_DEEPBIND"):
        sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
    try:
        return importlib.import_module("triton")
    finally:
        sys.setdlopenflags(flags)
