"""Everything that needs a GPU, in one unattended run of under nine minutes: `python -m dcnv4_jax.gpu_check --out results`.

Run it from a checkout, so that the tests are found. Steps, each in a process of its own and with its own time limit, so that one
that fails or hangs leaves the others their results:

    tests      the tests marked `gpu`
    official   builds the official `dcnv4`, if --official names its source distribution
    agreement  triton against xla, and against official `dcnv4`, forward and backward
    golden     inputs, outputs and gradients of the official `dcnv4`, as golden/dcnv4_official.npz
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

from dcnv4_jax import bench, official, triton, tune
from dcnv4_jax.api import available
from dcnv4_jax.workloads import LP_ASRN, ODD, PUBLISHED, WORKLOADS, Workload

LIMITS = {"tests": 150, "official": 120, "agreement": 70, "golden": 30, "tune": 80, "bench": 80}  # seconds, 530 in all
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
    errors = {}
    for workload in (*ODD, *(w for w in LP_ASRN if w.batch == 1), *(dataclasses.replace(w, batch=2) for w in PUBLISHED)):
        for dtype in TOLERANCE:
            problem = _problem(workload, dtype)
            results = {
                name: jax.jit(functools.partial(bench.run, workload, bench.DIRECTIONS[1], name))(*problem)
                for name in ("triton", "xla")
            }
            errors[f"{workload.name} {dtype} triton to xla"] = _largest_errors(results["triton"], results["xla"])
            if not official.unavailable(workload) and dtype == "float32":
                theirs = jax.tree.map(_from_torch, official.bind(workload, bench.DIRECTIONS[1], *problem)())
                errors[f"{workload.name} {dtype} triton to official"] = _largest_errors(results["triton"], theirs)
    (options.out / "agreement.json").write_text(json.dumps(errors, indent=1))
    wrong = {name: error for name, error in errors.items() if max(error) > TOLERANCE[name.split()[1]]}
    if wrong:
        raise SystemExit(f"beyond {TOLERANCE}: {wrong}")


def write_golden(options) -> None:
    """Writes what the official package computes, for machines without a GPU: a checkout keeps it as parity/golden."""
    arrays = {}
    for name in GOLDEN:
        workload = WORKLOADS[name]
        if reason := official.unavailable(workload):
            print(f"left out: {reason}")
            return
        problem = _problem(workload, "float32")
        output, (grad_value, grad_offset_mask) = jax.tree.map(
            _from_torch, official.bind(workload, bench.DIRECTIONS[1], *problem)()
        )
        results = (*problem, output, grad_value, grad_offset_mask)
        keys = ("value", "offset_mask", "grad", "output", "grad_value", "grad_offset_mask")
        arrays |= {f"{name}/{key}": np.asarray(array) for key, array in zip(keys, results, strict=True)}
    folder = options.out / "golden"
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "dcnv4_official.npz", **arrays)
    manifest = {"command": "python -m dcnv4_jax.gpu_check", "seed": 0, "workloads": GOLDEN, **bench.machine()}
    (folder / "dcnv4_official.json").write_text(json.dumps(manifest, indent=1))


def run_tune(options) -> None:
    """Tunes into a copy of the table."""
    tune.main(["--table", str(options.out / "tiles.json")])


def run_bench(options) -> None:
    """Times the batch-64 and published workloads with the tiles that were just tuned."""
    records = []
    for workload in (*(w for w in LP_ASRN if w.batch == 64), *PUBLISHED):
        for dtype in TOLERANCE:
            records += bench.measure(workload, dtype, rounds=5, seconds_per_round=0.05)
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
    command = [sys.executable, "-m", "dcnv4_jax.gpu_check", "--step", step, "--out", options.out, "--tests", options.tests]
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


def _largest_errors(results, expected) -> list[float]:
    pairs = zip(jax.tree.leaves(results), jax.tree.leaves(expected), strict=True)
    exact = [(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in pairs]
    return [float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)) for a, b in exact]


def _from_torch(tensor):
    return tensor.float().cpu().numpy()


if __name__ == "__main__":
    main()
