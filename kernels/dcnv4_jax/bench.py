"""Times of all implementations on this machine: `python -m dcnv4_jax.bench [--workloads lp-asrn-34x62] [--json times.json]`."""

import argparse
import functools
import importlib.metadata
import json
import platform

import jax

from dcnv4_jax import official
from dcnv4_jax.api import available, deform_conv
from dcnv4_jax.spec import DeformConvSpec
from dcnv4_jax.timing import median_seconds
from dcnv4_jax.workloads import WORKLOADS, Workload

DIRECTIONS = ("forward", "forward+backward")


def measure(workload: Workload, dtype: str, rounds: int, seconds_per_round: float) -> list[dict]:
    """One record for each direction and implementation that this machine has; "official" is the CUDA package dcnv4."""
    value, offset_mask, grad = jax.block_until_ready(workload.arrays(0, dtype))
    records = []
    for direction in DIRECTIONS:
        calls = {}
        for name, availability in available().items():
            if availability and (name != "cpu" or jax.default_backend() == "cpu"):
                call = jax.jit(functools.partial(run, workload.spec, direction, name))
                calls[name] = functools.partial(call, value, offset_mask, grad)
        seconds = median_seconds(calls, rounds=rounds, seconds_per_round=seconds_per_round)
        if not official.unavailable(workload, dtype):
            call = official.bind(workload, direction, value, offset_mask, grad)
            seconds |= median_seconds({"official": call}, rounds=rounds, seconds_per_round=seconds_per_round, wait=official.wait)
        traffic = workload.minimum_bytes(dtype, backward=direction != "forward")
        records += [
            {
                "workload": workload.name,
                "dtype": dtype,
                "direction": direction,
                "implementation": name,
                "milliseconds": time * 1e3,
                "times_faster_than_xla": seconds["xla"] / time,
                "gigabytes_per_second": traffic / time / 1e9,
            }
            for name, time in seconds.items()
        ]
    return records


def machine() -> dict[str, str | int]:
    """What the times depend on: device and versions."""
    versions = {}
    for package in ("jax", "jaxlib", "jax-triton", "triton", "torch", "dcnv4"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    device = jax.devices()[0]
    return {"device": device.device_kind, "platform": device.platform, "machine": platform.machine(), **versions}


def table(records: list[dict]) -> str:
    """The records as a Markdown table."""
    rows = [
        "| workload | dtype | direction | implementation | ms | times faster than xla | GB/s |",
        "|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {r['workload']} | {r['dtype']} | {r['direction']} | {r['implementation']} | {r['milliseconds']:.3f} | "
        f"{r['times_faster_than_xla']:.1f} | {r['gigabytes_per_second']:.1f} |"
        for r in records
    ]
    return "\n".join(rows)


def run(spec: DeformConvSpec, direction: str, implementation: str, value, offset_mask, grad):
    """One call of the operator, or its output and the gradients of value and offset_mask."""
    operator = functools.partial(deform_conv, **vars(spec), implementation=implementation)
    if direction == "forward":
        return operator(value, offset_mask)
    output, pull = jax.vjp(operator, value, offset_mask)
    return output, pull(grad)


def main(arguments: list[str] | None = None) -> None:
    """Prints the table and, on request, writes it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m dcnv4_jax.bench", description=__doc__)
    parser.add_argument("--workloads", default="lp-asrn", help="run the workloads whose name contains this; 'all' runs every one")
    parser.add_argument("--dtypes", nargs="+", default=["float32"], choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--rounds", type=int, default=7, help="rounds of which the median is taken")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a round for one implementation")
    parser.add_argument("--json", help="file to write times, device and versions to")
    options = parser.parse_args(arguments)
    chosen = [workload for name, workload in WORKLOADS.items() if options.workloads in (name, "all") or options.workloads in name]
    if not chosen:
        parser.error(f"--workloads: found {options.workloads!r}, expected 'all' or a part of one of {', '.join(WORKLOADS)}")
    for name, availability in available().items():
        if not availability:
            print(f"{name} is left out: {availability.reason}")
    records = [r for w in chosen for dtype in options.dtypes for r in measure(w, dtype, options.rounds, options.seconds)]
    print(table(records))
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": machine(), "records": records}, file, indent=1)


if __name__ == "__main__":
    main()
