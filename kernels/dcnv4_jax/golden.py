"""What the official kernels compute for some problems, kept as NAME.npz beside NAME.json, and how far results are from it."""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping

import numpy as np

from dcnv4_jax.spec import DeformConvSpec

INPUTS = ("value", "offset_mask", "grad")  # grad is the cotangent of the output
RESULTS = ("output", "grad_value", "grad_offset_mask")


@dataclasses.dataclass(frozen=True)
class Case:
    """One problem: `inputs` in the order of INPUTS, and the official `results` in that of RESULTS."""

    name: str
    spec: DeformConvSpec
    inputs: tuple[np.ndarray, ...]
    results: tuple[np.ndarray, ...]


def read_cases(path: pathlib.Path) -> list[Case]:
    """The cases of an .npz file and the .json file beside it, which holds the arguments of each under "arguments"."""
    arrays, arguments = np.load(path), json.loads(path.with_suffix(".json").read_text())["arguments"]
    return [
        Case(
            name,
            DeformConvSpec(**given),
            tuple(arrays[f"{name}/{key}"] for key in INPUTS),
            tuple(arrays[f"{name}/{key}"] for key in RESULTS),
        )
        for name, given in arguments.items()
    ]


def write_cases(path: pathlib.Path, cases: Iterable[Case], provenance: Mapping[str, object]) -> None:
    """Writes what `read_cases` reads; `provenance` says who computed it, and how."""
    arrays, arguments = {}, {}
    for case in cases:
        arguments[case.name] = vars(case.spec)
        named = zip((*INPUTS, *RESULTS), (*case.inputs, *case.results), strict=True)
        arrays |= {f"{case.name}/{key}": array for key, array in named}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)
    path.with_suffix(".json").write_text(json.dumps({**provenance, "arguments": arguments}, indent=1) + "\n")


def largest_errors(results: Iterable[np.ndarray], expected: Iterable[np.ndarray]) -> dict[str, float]:
    """Largest difference of each of RESULTS, relative to the largest expected value."""
    errors = {}
    for name, ours, theirs in zip(RESULTS, results, expected, strict=True):
        ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        errors[name] = float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30))
    return errors
