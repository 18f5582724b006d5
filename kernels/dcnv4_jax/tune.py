"""Writes the tile table of the Triton kernels for this GPU: `python -m dcnv4_jax.tune [--table tiles.json]`."""

import argparse
import functools
import itertools
import json
import pathlib

import jax

from dcnv4_jax import triton, workers
from dcnv4_jax.launch import TABLE, Tile, workload_key
from dcnv4_jax.timing import median_seconds
from dcnv4_jax.workloads import LP_ASRN, PUBLISHED

TILES = tuple(Tile(block, num_warps) for block, num_warps in itertools.product((16, 32, 64, 128), (1, 2, 4, 8)))
# One workload, the largest, for each number of channels a group.
WORKLOADS = {workload.d: workload for workload in (*LP_ASRN, *PUBLISHED[:1]) if workload.batch == 64}


def best_tile(direction: str, workload, dtype: str) -> Tile:
    """The fastest of TILES for one workload on this GPU."""
    value, offset_mask, grad = jax.block_until_ready(workload.arrays(0, dtype))
    launch, arrays = (
        (triton.launch_forward, (value, offset_mask))
        if direction == "forward"
        else (triton.launch_backward, (value, offset_mask, grad))
    )
    calls = {tile: functools.partial(jax.jit(functools.partial(launch, workload.spec, tile=tile)), *arrays) for tile in TILES}
    seconds = median_seconds(calls, rounds=5, seconds_per_round=0.01)
    return min(seconds, key=seconds.get)


def main(arguments: list[str] | None = None) -> None:
    """Times every tile and adds the best ones to the table."""
    parser = argparse.ArgumentParser(prog="python -m dcnv4_jax.tune", description=__doc__)
    parser.add_argument("--table", type=pathlib.Path, default=TABLE, help="file to add this device's tiles to")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], choices=["float32", "bfloat16", "float16"])
    options = parser.parse_args(arguments)
    if reason := triton.unavailable():
        parser.exit(1, f"nothing to tune: {reason}\n")
    table = json.loads(options.table.read_text()) if options.table.exists() else {}
    tiles = table.setdefault(triton.device_kind(), {})
    problems = list(itertools.product(("forward", "backward"), WORKLOADS.values(), options.dtypes))
    with workers.pool() as pool:
        futures = [pool.submit(best_tile, *problem) for problem in problems]
        for (direction, workload, dtype), best in zip(problems, futures, strict=True):
            key = workload_key(direction, workload.d, len(workload.spec.taps), dtype)
            tiles[key] = vars(best.result())
            print(key, tiles[key], flush=True)
            options.table.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
