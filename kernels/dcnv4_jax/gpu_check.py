"""Everything that needs a GPU, in one unattended run of under nine minutes: `python -m dcnv4_jax.gpu_check --out results`.

Run it from a checkout, which has the tests. Steps, each in a process of its own and with its own time limit, so that one
that fails or hangs leaves the others their results:

    tests      the tests marked `gpu`
    official   builds the official `dcnv4`, if --official names its source distribution
    agreement  triton against xla, official `dcnv4` and the arrays of it in the checkout, forward and backward
    golden     inputs, outputs and gradients of the official `dcnv4` on this GPU, as golden/dcnv4_official_gpu.npz
    tune       the tile table for this GPU, tiles.json
    bench      times of all implementations, bench.json
"""

import argparse
import dataclasses
import functools
import json
import os
import pathlib
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from dcnv4_jax import bench, golden, official, triton, tune, workers
from dcnv4_jax.api import available
from dcnv4_jax.spec import DeformConvSpec
from dcnv4_jax.workloads import LP_ASRN, ODD, PUBLISHED, WORKLOADS, Workload

LIMITS = {"tests": 100, "official": 120, "agreement": 90, "golden": 30, "tune": 120, "bench": 60}  # seconds, 520 in all
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}
GOLDEN = ("lp-asrn-34x62-f64-b1", "lp-asrn-24x72-f64-b1")


def run_tests(options) -> None:
    """Runs the tests marked `gpu` of the checkout."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "--junitxml", options.out / "tests.xml", options.tests]
    subprocess.run(command, check=True)


def build_official(options) -> None:
    """Builds the official package where the later steps look for it."""
    if options.official is None:
        print("left out: --official names no source distribution")
        return
    official.build(options.official, options.out / "official")


def check_agreement(options) -> None:
    """Compares output and both gradients, relative to the largest value, and fails beyond TOLERANCE."""
    recorded = [case for path in sorted(options.golden.glob("*.npz")) for case in golden.read_cases(path)]
    workloads = (*ODD, *(w for w in LP_ASRN if w.batch == 1), *(dataclasses.replace(w, batch=2) for w in PUBLISHED))
    errors = {}
    with workers.pool() as pool:
        futures = [
            *(pool.submit(_recorded_errors, case) for case in recorded),
            *(pool.submit(_errors, workload, dtype) for workload in workloads for dtype in TOLERANCE),
        ]
        for future in futures:
            errors |= future.result()
            (options.out / "agreement.json").write_text(json.dumps(errors, indent=1))
    wrong = {
        name: of_case
        for name, of_case in errors.items()
        if not all(error <= TOLERANCE[name.split()[1]] for error in of_case.values())  # a NaN is wrong too
    }
    if wrong:
        raise SystemExit(f"beyond {TOLERANCE}: {wrong}")


def _recorded_errors(case: golden.Case) -> dict[str, dict[str, float]]:
    ours = _run(case.spec, "triton", *case.inputs)
    return {f"{case.name} float32 triton to recorded": golden.largest_errors(ours, case.results)}


def _errors(workload: Workload, dtype: str) -> dict[str, dict[str, float]]:
    problem = _problem(workload, dtype)
    ours, name = _run(workload.spec, "triton", *problem), f"{workload.name} {dtype} triton"
    errors = {f"{name} to xla": golden.largest_errors(ours, _run(workload.spec, "xla", *problem))}
    if not official.unavailable(workload, dtype):
        errors[f"{name} to official"] = golden.largest_errors(ours, _official(workload, *problem))
    return errors


def write_golden(options) -> None:
    """Writes what the official package computes, for machines without a GPU: a checkout keeps it in parity/golden."""
    cases = []
    for name in GOLDEN:
        workload = WORKLOADS[name]
        if reason := official.unavailable(workload):
            print(f"left out: {reason}")
            return
        problem = _problem(workload, "float32")
        cases.append(golden.Case(name, workload.spec, _as_numpy(problem), _official(workload, *problem)))
    provenance = {"command": "python -m dcnv4_jax.gpu_check", "seed": 0, **bench.machine()}
    golden.write_cases(options.out / "golden/dcnv4_official_gpu.npz", cases, provenance)


def run_tune(options) -> None:
    """Tunes into a copy of the table."""
    tune.main(["--table", str(options.out / "tiles.json")])


def run_bench(options) -> None:
    """Times the batch-64 and published workloads with the tiles that were just tuned."""
    records, workloads = [], (*(w for w in LP_ASRN if w.batch == 64), *PUBLISHED)
    with workers.pool() as pool:
        measured = [
            pool.submit(bench.measure, workload, dtype, rounds=5, seconds_per_round=0.05)
            for workload in workloads
            for dtype in TOLERANCE
        ]
        for one in measured:
            records += one.result()
            (options.out / "bench.json").write_text(json.dumps({"machine": bench.machine(), "records": records}, indent=1))
    print(bench.table(records))


STEPS = {
    "tests": run_tests,
    "official": build_official,
    "agreement": check_agreement,
    "golden": write_golden,
    "tune": run_tune,
    "bench": run_bench,
}


def main(arguments: list[str] | None = None) -> None:
    """Runs all steps, or the one that --step names; exits with 1 if there is no GPU or a step failed."""
    parser = argparse.ArgumentParser(
        prog="python -m dcnv4_jax.gpu_check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=pathlib.Path, default="gpu_check", help="folder for results")
    parser.add_argument("--official", type=pathlib.Path, help="source distribution of the official dcnv4 (a .tar.gz)")
    parser.add_argument("--tests", type=pathlib.Path, default="tests/dcnv4", help="folder of the tests")
    parser.add_argument("--golden", type=pathlib.Path, default="parity/golden", help="folder of the recorded official arrays")
    parser.add_argument("--step", choices=STEPS, help="run this step only, in this process")
    options = parser.parse_args(arguments)
    if reason := triton.unavailable():
        parser.exit(1, f"no check possible: {reason}\n")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.step:
        STEPS[options.step](options)
        return
    outcome = {step: _run_step(step, options) for step in STEPS}
    summary = {"machine": bench.machine(), "available": {k: v.reason or "yes" for k, v in available().items()}, "steps": outcome}
    (options.out / "summary.json").write_text(json.dumps(summary, indent=1))
    print(json.dumps(summary, indent=1))
    sys.exit(any(result["outcome"] != "passed" for result in outcome.values()))


def _run_step(step: str, options) -> dict[str, str | float]:
    command = [sys.executable, "-m", "dcnv4_jax.gpu_check", "--step", step, "--out", options.out]
    command += ["--tests", options.tests, "--golden", options.golden]
    command += ["--official", options.official] if options.official else []
    paths = [str((options.out / "official").resolve()), os.environ.get("PYTHONPATH", "")]
    # This process holds the GPU as well, and PyTorch needs memory beside JAX.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    tuned = options.out / "tiles.json"
    if tuned.exists():
        environment["DCNV4_JAX_TILES"] = str(tuned.resolve())
    start = time.monotonic()
    with open(options.out / f"{step}.log", "w") as log:
        try:
            code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, timeout=LIMITS[step], env=environment).returncode
            outcome = "passed" if code == 0 else f"failed with exit code {code}, see {step}.log"
        except subprocess.TimeoutExpired:
            outcome = f"stopped after {LIMITS[step]} s, see {step}.log"
    print(f"{step}: {outcome}", flush=True)
    return {"outcome": outcome, "seconds": round(time.monotonic() - start, 1)}


def _problem(workload: Workload, dtype: str) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Arrays of a workload, offsets in steps of 1/64: beside an integer, where the gradient jumps, all sides then round alike."""
    value, offset_mask, grad = workload.arrays(0, dtype)
    return value, (jnp.round(offset_mask.astype(jnp.float32) * 64) / 64).astype(dtype), grad


def _run(spec: DeformConvSpec, implementation: str, *problem) -> tuple[np.ndarray, ...]:
    """Output and gradients of value and offset_mask."""
    run = jax.jit(functools.partial(bench.run, spec, bench.DIRECTIONS[1], implementation))
    return _as_numpy(jax.tree.leaves(run(*problem)))


def _official(workload: Workload, *problem) -> tuple[np.ndarray, ...]:
    tensors = jax.tree.leaves(official.bind(workload, bench.DIRECTIONS[1], *problem)())
    return tuple(tensor.float().cpu().numpy() for tensor in tensors)


def _as_numpy(arrays) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(array, np.float32) for array in arrays)


if __name__ == "__main__":
    main()
