"""The Triton kernels compile for Ampere and Hopper without a GPU; what they compile to is read from PTX and machine code."""

import pathlib
import re
import subprocess
import sys

import jax
import pytest

from dcnv4_jax.launch import plan
from dcnv4_jax.spec import DeformConvSpec
from dcnv4_jax.workloads import WORKLOADS

triton = pytest.importorskip("dcnv4_jax.triton_kernels", reason="the kernels are compiled by Triton").triton

POINTERS = {"float32": "*fp32", "bfloat16": "*bf16", "float16": "*fp16"}


@pytest.fixture(scope="module", autouse=True)
def cache():
    """What the kernels compile to is kept by their source, target and options, and Triton's version."""
    with triton.knobs.cache.scope():
        triton.knobs.cache.dir = str(pathlib.Path(jax.config.jax_compilation_cache_dir) / "triton")
        yield


def compiled(direction, workload, dtype, capability):
    """The kernel for a workload, compiled as jax-triton does: every pointer aligned to 16 bytes."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from dcnv4_jax import triton_kernels

    kernel = {"forward": triton_kernels.forward_kernel, "backward": triton_kernels.backward_kernel}[direction]
    launch = plan(workload.spec, direction, workload.value_shape, workload.offset_mask_shape[-1], dtype, "no device")
    signature, attributes = {}, {}
    for i, parameter in enumerate(kernel.params):
        if parameter.is_constexpr:
            signature[parameter.name] = "constexpr"
        elif parameter.name == "count":
            signature[parameter.name] = "i32"
        else:
            signature[parameter.name] = "*fp32" if parameter.name == "grad_value" else POINTERS[dtype]
            attributes[(i,)] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, launch.constants, attributes)
    options = {"num_warps": launch.tile.num_warps, "enable_fp_fusion": True}
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)


def resources(kernel, tmp_path):
    """Registers, stack and local memory of a thread, as the disassembler reports them."""
    cubin = tmp_path / "kernel.cubin"
    cubin.write_bytes(kernel.asm["cubin"])
    tool = pathlib.Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    report = subprocess.run([tool, "-res-usage", cubin], capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"(REG|STACK|LOCAL):(\d+)", report)}


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("workload", ["lp-asrn-34x62-f64-b64"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_compiles_to_wide_loads_without_spills(direction, workload, dtype, capability, tmp_path):
    workload = WORKLOADS[workload]
    kernel = compiled(direction, workload, dtype, capability)
    assert resources(kernel, tmp_path)["STACK"] == resources(kernel, tmp_path)["LOCAL"] == 0
    ptx = kernel.asm["ptx"]
    taps = len(workload.spec.taps)
    # Values are read 16 bytes at a time, four corners for each tap, and the gradient too; nothing but offsets and mask is scalar.
    assert len(re.findall(r"\bld\.global\.v4\.b32", ptx)) == 4 * taps + (direction == "backward")
    scalar = len(re.findall(r"\bld\.global\.b(?:16|32)\b", ptx))
    assert scalar >= 3 * taps
    if direction == "forward":
        assert scalar == 3 * taps
        assert "bar.sync" not in ptx  # weights stay in registers
    elif capability == 90:
        atomics = re.findall(r"\b(?:atom|red)\.[\w.]*add[\w.]*", ptx)
        assert atomics
        assert all("v4.f32" in atomic for atomic in atomics)


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("workload", ["d-5", "kernel-5x5"])
def test_odd_workloads_compile(direction, workload, tmp_path):
    kernel = compiled(direction, WORKLOADS[workload], "float32", 90)
    assert resources(kernel, tmp_path)["STACK"] == 0


def test_positions_beyond_32_bits_are_wide():
    small, large = (plan(DeformConvSpec(4), "forward", (n, 128, 128, 64), 112, "float32", "no device") for n in (8, 2048))
    assert not small.constants["WIDE"]
    assert large.constants["WIDE"]


def test_the_kernels_load_after_tensorflow():
    """TensorFlow's LLVM, taken for Triton's own, ended the process with a segmentation fault."""
    pytest.importorskip("tensorflow", reason="TensorFlow is loaded first")
    script = "import tensorflow; from dcnv4_jax import triton_kernels as kernels; print(kernels.forward_kernel.fn.__name__)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "forward_kernel\n"
