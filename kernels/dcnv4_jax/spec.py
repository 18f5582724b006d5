"""What one deformable convolution is: its static parameters, their validation and the geometry that follows from them."""

import dataclasses
import math

import numpy as np

DTYPES = ("float32", "bfloat16", "float16")


@dataclasses.dataclass(frozen=True)
class DeformConvSpec:
    """Static parameters of `deform_conv`; hashable, so that one spec is one compiled program. Pairs are (height, width)."""

    groups: int
    kernel_size: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    offset_scale: float = 1.0
    remove_center: bool = False

    def __post_init__(self):
        if not _is_int(self.groups) or self.groups < 1:
            raise ValueError(f"groups: found {self.groups!r}, expected an integer of at least 1")
        for name, least in (("kernel_size", 1), ("strides", 1), ("padding", 0), ("dilation", 1)):
            object.__setattr__(self, name, _pair(name, getattr(self, name), least))
        try:
            object.__setattr__(self, "offset_scale", float(self.offset_scale))
        except TypeError as error:
            raise ValueError(f"offset_scale: found {self.offset_scale!r}, expected a number") from error
        if not math.isfinite(self.offset_scale):
            raise ValueError(f"offset_scale: found {self.offset_scale}, expected a finite number")
        if self.remove_center not in (False, True):
            raise ValueError(f"remove_center: found {self.remove_center!r}, expected False or True, or 0 or 1")
        object.__setattr__(self, "remove_center", bool(self.remove_center))
        if self.remove_center and (any(size % 2 == 0 for size in self.kernel_size) or self.kernel_size == (1, 1)):
            raise ValueError(
                f"remove_center: found True with kernel_size {self.kernel_size}, expected odd kernel sizes, not both 1: "
                "an even kernel has no centre tap, and a 1x1 kernel has no other"
            )

    @property
    def taps(self) -> tuple[tuple[int, int], ...]:
        """(column, row) of each tap in the order of the offsets: columns outside, rows inside, the centre left out if removed."""
        height, width = self.kernel_size
        every = [(i, j) for i in range(width) for j in range(height)]
        if self.remove_center:
            every.remove((width // 2, height // 2))
        return tuple(every)

    @property
    def offset_mask_channels(self) -> int:
        """Channels of `offset_mask` that are read: two offsets and one mask value for each group and tap."""
        return 3 * self.groups * len(self.taps)

    # A position is ((q * stride + centre) - reach) + (tap * dilation + offset) * offset_scale, in float32 and in this order, the
    # official kernels': in another one a tap may round to the other side of an integer, where its gradient jumps.
    @property
    def centre(self) -> tuple[int, int]:
        """(y, x) of the kernel's centre at output pixel (0, 0), in input pixels."""
        return self._half(0) - self.padding[0], self._half(1) - self.padding[1]

    @property
    def reach(self) -> tuple[float, float]:
        """(y, x) from tap (0, 0) at zero offset to the kernel's centre, in input pixels, rounded to float32."""
        scale = np.float32(self.offset_scale)
        return float(self._half(0) * scale), float(self._half(1) * scale)

    def _half(self, axis: int) -> int:
        return self.dilation[axis] * (self.kernel_size[axis] - 1) // 2

    def output_size(self, h: int, w: int) -> tuple[int, int]:
        """Height and width of the output for an input of `h` x `w`: at least 1 where the kernel fits into the padded input."""
        ho, wo = (
            (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
            for size, kernel, stride, padding, dilation in zip(
                (h, w), self.kernel_size, self.strides, self.padding, self.dilation, strict=True
            )
        )
        return ho, wo

    def validate(self, value, offset_mask) -> None:
        """Raises ValueError, naming the argument, what was found and what was expected, unless the arrays fit this spec."""
        for name, array in (("value", value), ("offset_mask", offset_mask)):
            if array.ndim != 4:
                raise ValueError(f"{name}: found shape {array.shape}, expected 4 dimensions [batch, height, width, channels]")
            if array.dtype.name not in DTYPES:
                raise ValueError(f"{name}: found dtype {array.dtype.name}, expected one of {', '.join(DTYPES)}; cast it first")
        if value.dtype != offset_mask.dtype:
            raise ValueError(
                f"offset_mask: found dtype {offset_mask.dtype.name}, expected {value.dtype.name}, the dtype of value"
            )
        n, h, w, channels = value.shape
        if channels == 0 or channels % self.groups:
            raise ValueError(
                f"value: found shape {value.shape}, expected a last dimension that is a multiple of groups={self.groups}"
            )
        ho, wo = self.output_size(h, w)
        if min(h, w, ho, wo) < 1:
            raise ValueError(
                f"value: found shape {value.shape}, expected height and width that hold a kernel of {self.kernel_size}, "
                f"dilation {self.dilation}, with padding {self.padding}"
            )
        if offset_mask.shape[:3] != (n, ho, wo) or offset_mask.shape[3] < self.offset_mask_channels:
            raise ValueError(
                f"offset_mask: found shape {offset_mask.shape}, expected ({n}, {ho}, {wo}, c) with c at least "
                f"3 * groups * taps = {self.offset_mask_channels}"
            )


def _is_int(number) -> bool:
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def _pair(name: str, pair, least: int) -> tuple[int, int]:
    fits = isinstance(pair, (tuple, list)) and len(pair) == 2 and all(_is_int(number) and number >= least for number in pair)
    if not fits:
        raise ValueError(f"{name}: found {pair!r}, expected a pair (height, width) of integers of at least {least}")
    return int(pair[0]), int(pair[1])
