"""How the Triton kernels are launched: their compile-time constants, grid and tile, from the shapes and the tile table."""

import dataclasses
import functools
import json
import os
import pathlib

from dcnv4_jax.spec import DeformConvSpec

# DCNV4_JAX_TILES names a table of one's own, tuned for a GPU that the package has no tiles for.
TABLE = pathlib.Path(os.environ.get("DCNV4_JAX_TILES") or pathlib.Path(__file__).with_name("tiles.json"))


@dataclasses.dataclass(frozen=True)
class Tile:
    """Rows, each one (pixel, group), for a program, and the warps that share them."""

    block: int
    num_warps: int


@dataclasses.dataclass(frozen=True)
class Launch:
    """One kernel launch: the runtime row count, the constants by their kernel parameter names, and the tile."""

    count: int
    constants: dict[str, int | float | bool]
    tile: Tile

    @property
    def grid(self) -> tuple[int]:
        return (-(-self.count // self.tile.block),)


def workload_key(direction: str, d: int, taps: int, dtype: str) -> str:
    """Name of a tile table entry: what a good tile depends on, beside the device."""
    return f"{direction} d={d} taps={taps} {dtype}"


@functools.cache
def tile_table() -> dict[str, dict[str, dict[str, int]]]:
    """Tuned tiles: device kind, then `workload_key`, then the fields of `Tile`. Written by `python -m dcnv4_jax.tune`."""
    return json.loads(TABLE.read_text())


def choose_tile(direction: str, d: int, taps: int, dtype: str, device: str) -> Tile:
    """The tuned tile, or else as many rows as let each thread of 4 warps load 16 bytes of a row.

    More rows than that make Triton share the weights among threads through shared memory, with a barrier for each tap.
    """
    tuned = tile_table().get(device, {}).get(workload_key(direction, d, taps, dtype))
    if tuned:
        return Tile(**tuned)
    vectors = max(next_power_of_2(d) * (4 if dtype == "float32" else 2) // 16, 1)
    return Tile(block=max(128 // vectors, 1), num_warps=4)


def plan(
    spec: DeformConvSpec,
    direction: str,
    value_shape: tuple[int, ...],
    channels: int,
    dtype: str,
    device: str,
    tile: Tile | None = None,
) -> Launch:
    """Plans "forward" or "backward" for value [n, h, w, g*d] and an offset_mask of `channels` channels."""
    n, h, w, c = value_shape
    ho, wo = spec.output_size(h, w)
    d, taps = c // spec.groups, len(spec.taps)
    (centre_y, centre_x), (reach_y, reach_x) = spec.centre, spec.reach
    (stride_y, stride_x), (dilation_y, dilation_x) = spec.strides, spec.dilation
    tile = tile or choose_tile(direction, d, taps, dtype, device)
    constants = {
        "H": h,
        "W": w,
        "HO": ho,
        "WO": wo,
        "GROUPS": spec.groups,
        "D": d,
        "D_PADDED": next_power_of_2(d),
        "OFFSET_MASK_CHANNELS": channels,
        "TAPS": taps,
        "UNROLL": _unroll(taps),
        "REMOVED": taps // 2 if spec.remove_center else taps,  # the first tap that lies one place further
        "KERNEL_HEIGHT": spec.kernel_size[0],
        "STRIDE_Y": stride_y,
        "STRIDE_X": stride_x,
        "DILATION_Y": dilation_y,
        "DILATION_X": dilation_x,
        "CENTRE_Y": centre_y,
        "CENTRE_X": centre_x,
        "REACH_Y": reach_y,
        "REACH_X": reach_x,
        "SCALE": spec.offset_scale,
        "BLOCK": tile.block,
        "WIDE": max(n * (h + 2) * (w + 2) * c, n * ho * wo * max(c, channels)) >= 2**31,
    }
    if direction == "backward":
        unused = channels - spec.offset_mask_channels
        constants["UNUSED_PADDED"] = next_power_of_2(unused) if unused else 0
    return Launch(n * ho * wo * spec.groups, constants, tile)


def _unroll(taps: int) -> int:
    """Taps of one turn of the kernel's loop: the largest divisor up to a 3x3 kernel's; more and their loads spill registers."""
    return max(divisor for divisor in range(1, 10) if taps % divisor == 0)


def next_power_of_2(number: int) -> int:
    """The least power of 2 that is at least `number`."""
    return 1 << (number - 1).bit_length()
