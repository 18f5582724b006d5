"""The official CUDA package `dcnv4`, for comparison only: whether it can run, how to call it and how to build it."""

import functools
import os
import pathlib
import re
import subprocess
import sys
import tarfile

from dcnv4_jax.workloads import Workload

IM2COL_STEP = 256  # its own default


@functools.cache
def _missing() -> str:
    try:
        import torch
        from DCNv4.functions import DCNv4Function  # noqa: F401
    except ImportError as error:
        return f"official dcnv4 cannot be imported: {error}"
    return "" if torch.cuda.is_available() else "PyTorch sees no GPU"


def unavailable(workload: Workload, dtype: str = "float32") -> str:
    """Why the official package cannot run a workload of a type here; empty when it can."""
    if dtype != "float32":
        return f"the official backward pass fails on {dtype}: it is compared in float32"
    if workload.spec.kernel_size != (3, 3) or workload.d % 16:
        return "the official kernels take 3x3 taps and a multiple of 16 channels a group only"
    return _missing()


def bind(workload: Workload, direction: str, value, offset_mask, grad):
    """A call of the official operator on JAX arrays that lie on the GPU: "forward" or "forward+backward"."""
    import torch
    from DCNv4.functions import DCNv4Function

    value, offset_mask, grad = (torch.from_dlpack(array).clone() for array in (value, offset_mask, grad))
    spec = workload.spec
    pairs = (*spec.kernel_size, *spec.strides, *spec.padding, *spec.dilation)
    last = (spec.groups, workload.d, spec.offset_scale, IM2COL_STEP, int(spec.remove_center))

    def forward():
        with torch.no_grad():
            return DCNv4Function.apply(value, offset_mask, *pairs, *last)

    def forward_and_backward():
        leaves = value.detach().requires_grad_(), offset_mask.detach().requires_grad_()
        output = DCNv4Function.apply(*leaves, *pairs, *last)
        return output.detach(), torch.autograd.grad(output, leaves, grad)

    return forward if direction == "forward" else forward_and_backward


def wait(_=None) -> None:
    """Waits for PyTorch's queue."""
    import torch

    torch.cuda.synchronize()


def build(sdist: pathlib.Path, target: pathlib.Path) -> None:
    """Builds the source distribution for this machine's GPU into `target`, patched for PyTorch 2.11 and later."""
    import torch

    source = target / "source"
    with tarfile.open(sdist) as archive:
        archive.extractall(source, filter="data")
    for path in [path for ending in ("*.cu", "*.cuh", "*.cpp", "*.h") for path in source.rglob(ending)]:
        text = path.read_text()
        text = text.replace(".type().is_cuda()", ".is_cuda()").replace("AT_ASSERTM(", "TORCH_CHECK(")
        text = re.sub(r"\.data<", ".data_ptr<", text)
        text = re.sub(r"(AT_DISPATCH\w+\(\s*\w+)\.type\(\)", r"\1.scalar_type()", text)
        path.write_text(text)
    major, minor = torch.cuda.get_device_capability()
    environment = os.environ | {"TORCH_CUDA_ARCH_LIST": f"{major}.{minor}", "MAX_JOBS": "8"}
    (project,) = {path.parent for path in source.rglob("setup.py")}
    command = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--target", target, project]
    subprocess.run(command, check=True, env=environment)
