"""The OCR network in PyTorch: spatial transformer, SE-ResNet with group normalisation, transformer encoder, two heads."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SpatialTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in ((3, 16), (16, 32), (32, 32))
        )  # 16 x 48 -> 2 x 6
        self.hidden = nn.Linear(2 * 6 * 32, 64)
        self.affine = nn.Linear(64, 6)

    def forward(self, image: Tensor) -> Tensor:
        x = F.interpolate(image, size=(16, 48), mode="bilinear", align_corners=False, antialias=True)
        for conv in self.convs:
            x = F.relu(conv(x))
        x = x.permute(0, 2, 3, 1).flatten(1)  # the JAX model flattens channels last
        affine = self.affine(F.relu(self.hidden(x))).reshape(-1, 2, 3)
        grid = F.affine_grid(affine, list(image.shape), align_corners=False)
        return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)


class SEBlock(nn.Module):
    def __init__(self, channels: int, width: int):
        super().__init__()
        self.conv_0 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm_0 = nn.GroupNorm(width // 8, width)
        self.conv_1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm_1 = nn.GroupNorm(width // 8, width)
        self.squeeze = nn.Conv2d(width, max(width // 16, 8), 1)
        self.excite = nn.Conv2d(max(width // 16, 8), width, 1)
        if channels != width:
            self.shortcut = nn.Conv2d(channels, width, 1, bias=False)
            self.norm_shortcut = nn.GroupNorm(width // 8, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm_1(self.conv_1(F.relu(self.norm_0(self.conv_0(x)))))
        y = y * torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        if hasattr(self, "shortcut"):
            x = self.norm_shortcut(self.shortcut(x))
        return F.relu(x + y)


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.heads = heads

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        def split(x):
            return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        attended = F.scaled_dot_product_attention(split(self.query(queries)), split(self.key(memory)), split(self.value(memory)))
        return self.out(attended.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads)
        self.mlp_in, self.mlp_out = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm_attention(x)
        x = x + self.attention(y, y)
        return x + self.mlp_out(F.gelu(self.mlp_in(self.norm_mlp(x))))


class OCR(nn.Module):
    """Image [n, 3, h, w] -> CTC logits [n, t, classes + 1] and slot logits [n, slots, classes]."""

    def __init__(self, classes: int, slots: int, widths: tuple[int, ...], blocks: int, layers: int, heads: int):
        super().__init__()
        self.transformer = SpatialTransformer()
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        inputs = [widths[0], *widths]
        self.stages = nn.ModuleList(
            nn.ModuleList(SEBlock(inputs[i] if j == 0 else widths[i], widths[i]) for j in range(blocks)) for i in range(4)
        )
        dim = widths[-1]
        self.norm_height, self.norm_encoder, self.norm_slots = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.encoder = nn.ModuleList(EncoderLayer(dim, heads) for _ in range(layers))
        self.slot_queries = nn.Parameter(torch.randn(slots, dim))
        self.slot_attention = Attention(dim, heads)
        self.ctc, self.slots = nn.Linear(dim, classes + 1), nn.Linear(dim, classes)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu(self.stem(self.transformer(image)))
        for stage, pool in zip(self.stages, ((2, 2), (2, 2), (2, 1), (2, 1)), strict=True):
            for block in stage:
                x = block(x)
            x = F.max_pool2d(x, pool, ceil_mode=True)
        x = self.norm_height(x.mean(dim=2).transpose(1, 2))
        x = x + self._positions(x)
        for layer in self.encoder:
            x = layer(x)
        x = self.norm_encoder(x)
        queries = self.slot_queries.expand(len(x), -1, -1)
        slots = self.norm_slots(queries + self.slot_attention(queries, x))
        return self.ctc(x), self.slots(slots)

    @staticmethod
    def _positions(x: Tensor) -> Tensor:
        steps, half = x.shape[1], x.shape[2] // 2
        position = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
        frequency = torch.tensor([64 ** (i / (half - 1)) for i in range(half)], dtype=torch.float64)
        angles = math.pi * position[:, None] * frequency
        return torch.cat([angles.sin(), angles.cos()], dim=-1).float()
