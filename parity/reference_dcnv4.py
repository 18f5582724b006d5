"""DCNv4 in plain PyTorch: the official module's parameters and semantics, with its CUDA operator written as tensor operations.

The official package (PyPI `DCNv4`) runs on CUDA alone. Parameter names are its `state_dict` keys.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def bilinear_sample(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Values [n, q, c] of an image [n, h, w, c] at pixel positions x, y [n, q]; zero outside the image."""
    n, h, w, c = image.shape
    left, top = torch.floor(x), torch.floor(y)
    total = image.new_zeros(n, x.shape[1], c)
    for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        weight = (1 - (x - column).abs()) * (1 - (y - row).abs())
        inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
        index = (row.clamp(0, h - 1) * w + column.clamp(0, w - 1)).long()
        corner = image.reshape(n, h * w, c).gather(1, index[..., None].expand(-1, -1, c))
        total = total + corner * (weight * inside)[..., None]
    return total


def deform_conv(
    value: Tensor, offset_mask: Tensor, group: int, kernel_size: int, stride: int, pad: int, dilation: int,
    offset_scale: float, remove_center: bool,
) -> Tensor:  # fmt: skip
    """The operator: value [n, h, w, c] and offset_mask [n, ho, wo, >= 3*group*taps] to [n, ho, wo, c]."""
    n, h, w, c = value.shape
    _, out_h, out_w, _ = offset_mask.shape
    half = dilation * (kernel_size - 1) // 2
    taps = [(i, j) for i in range(kernel_size) for j in range(kernel_size)]  # i along the width, j along the height
    if remove_center:
        taps.remove((kernel_size // 2, kernel_size // 2))
    rows, columns = torch.meshgrid(torch.arange(out_h), torch.arange(out_w), indexing="ij")
    base_x = columns.reshape(1, -1) * stride - pad + half - half * offset_scale
    base_y = rows.reshape(1, -1) * stride - pad + half - half * offset_scale
    offset_mask = offset_mask.reshape(n, out_h * out_w, -1)
    outputs = []
    for g in range(group):
        channels = value[..., g * (c // group) : (g + 1) * (c // group)]
        start = 3 * len(taps) * g
        output = 0
        for k, (i, j) in enumerate(taps):
            x = base_x + (i * dilation + offset_mask[..., start + 2 * k]) * offset_scale
            y = base_y + (j * dilation + offset_mask[..., start + 2 * k + 1]) * offset_scale
            mask = offset_mask[..., start + 2 * len(taps) + k]
            counts = (x > -1) & (x < w) & (y > -1) & (y < h)
            output = output + bilinear_sample(channels, x, y) * (mask * counts)[..., None]
        outputs.append(output)
    return torch.cat(outputs, dim=-1).reshape(n, out_h, out_w, c)


class DCNv4(nn.Module):
    """The official module on channels-last images, [n, h, w, c] -> [n, h, w, c]."""

    def __init__(
        self, channels: int, group: int, kernel_size: int = 3, dilation: int = 1, offset_scale: float = 1.0,
        dw_kernel_size: int | None = None, center_feature_scale: bool = False, remove_center: bool = False,
        output_bias: bool = True, without_pointwise: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.group, self.kernel_size, self.dilation = group, kernel_size, dilation
        self.offset_scale, self.remove_center, self.without_pointwise = offset_scale, remove_center, without_pointwise
        taps = kernel_size**2 - int(remove_center)
        self.offset_mask_dw = None
        if dw_kernel_size is not None:
            self.offset_mask_dw = nn.Conv2d(channels, channels, dw_kernel_size, padding=dw_kernel_size // 2, groups=channels)
        self.offset_mask = nn.Linear(channels, math.ceil(3 * taps * group / 8) * 8)
        if not without_pointwise:
            self.value_proj = nn.Linear(channels, channels)
            self.output_proj = nn.Linear(channels, channels, bias=output_bias)
        if center_feature_scale:
            self.center_feature_scale_proj_weight = nn.Parameter(torch.zeros(group, channels))
            self.center_feature_scale_proj_bias = nn.Parameter(torch.zeros(group))
        self.center_feature_scale = center_feature_scale

    def forward(self, x: Tensor, guide: Tensor | None = None) -> Tensor:
        """Official but for `guide`: what offsets and mask are computed from, x itself in the official module."""
        value = x if self.without_pointwise else self.value_proj(x)
        x = x if guide is None else guide
        if self.offset_mask_dw is not None:
            x = self.offset_mask_dw(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        sampled = deform_conv(
            value, self.offset_mask(x), self.group, self.kernel_size, 1, self.dilation * (self.kernel_size // 2), self.dilation,
            self.offset_scale, self.remove_center,
        )  # fmt: skip
        if self.center_feature_scale:
            gate = F.linear(sampled, self.center_feature_scale_proj_weight, self.center_feature_scale_proj_bias).sigmoid()
            gate = gate.repeat_interleave(x.shape[-1] // self.group, dim=-1)
            sampled = sampled * (1 - gate) + value * gate
        return sampled if self.without_pointwise else self.output_proj(sampled)


class DCNv4ChannelsFirst(DCNv4):
    """The same on PyTorch's own layout, [n, c, h, w] -> [n, c, h, w]."""

    def forward(self, x: Tensor, guide: Tensor | None = None) -> Tensor:
        guide = x if guide is None else guide
        return super().forward(x.permute(0, 2, 3, 1), guide.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
