"""The PyTorch LP-ASRN generator, as small as its definition allows. Parameter names are the original's `state_dict` keys.

Two things go beyond the original, so that all of the JAX generator has something to be compared with: DCNv4 in the attention (in
the original that path could not run), and prototypes that guide the character attention (there they were computed and dropped).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from parity.reference_dcnv4 import DCNv4ChannelsFirst


class ShallowExtractor(nn.Module):
    def __init__(self, f: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, f, 5, padding=2)
        self.conv_compressed = nn.Conv2d(4 * f, f, 3, padding=1)
        self.conv_final = nn.Conv2d(f // 4, f, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        identity = F.relu(self.conv1(x))
        h, w = x.shape[2:]
        y = F.pad(identity, (0, w % 2, 0, h % 2), mode="reflect")
        y = F.relu(F.pixel_unshuffle(y, 2))
        y = F.pixel_shuffle(F.relu(self.conv_compressed(y)), 2)[:, :, :h, :w]
        return F.relu(self.conv_final(y)) + identity


class ChannelAttention(nn.Module):
    def __init__(self, f: int):
        super().__init__()
        self.fc = nn.Sequential(nn.Conv2d(f, max(f // 16, 1), 1), nn.ReLU(), nn.Conv2d(max(f // 16, 1), f, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.fc(F.adaptive_avg_pool2d(x, 1)) + self.fc(F.adaptive_max_pool2d(x, 1)))


class GeometricalAttention(nn.Module):
    def __init__(self, f: int):
        super().__init__()
        self.conv_v, self.conv_h = nn.Conv2d(f, f, 1), nn.Conv2d(f, f, 1)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.conv_v(x.mean(3, keepdim=True)).mean((2, 3), keepdim=True)
        columns = self.conv_h(x.mean(2, keepdim=True)).mean((2, 3), keepdim=True)
        return torch.sigmoid(rows * columns)


class FallbackDeformConv(nn.Module):
    """Offsets alone, sampled with `grid_sample`; `shift` is 1 in the original, 0 on the true grid."""

    def __init__(self, f: int, shift: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(f, f, 3, 3))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        self.bias = nn.Parameter(torch.zeros(f))
        self.offset_conv = nn.Conv2d(f, 18, 3, padding=1)
        self.shift = shift

    def forward(self, x: Tensor) -> Tensor:
        _, _, h, w = x.shape
        offsets = self.offset_conv(x)
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        total = self.bias[None, :, None, None]
        for tap in range(9):
            y = rows + self.shift + tap // 3 - 1 + offsets[:, 2 * tap]
            x_ = columns + self.shift + tap % 3 - 1 + offsets[:, 2 * tap + 1]
            grid = torch.stack([2 * x_ / (w - 1) - 1, 2 * y / (h - 1) - 1], dim=-1)
            sampled = F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
            total = total + torch.einsum("oi,nihw->nohw", self.weight[:, :, tap // 3, tap % 3], sampled)
        return total


class Attention(nn.Module):
    def __init__(self, f: int, deformable: str, shift: int, groups: int):
        super().__init__()
        self.channel_attention = ChannelAttention(f)
        self.geometrical_attention = GeometricalAttention(f)
        if deformable == "none":
            self.pos_conv = nn.Sequential(nn.Conv2d(f, f, 3, padding=1), nn.ReLU())
            self.final_conv = nn.Conv2d(f, f, 3, padding=1)
        elif deformable == "offsets":
            self.pos_conv, self.final_conv = FallbackDeformConv(f, shift), FallbackDeformConv(f, shift)
        else:
            self.pos_conv, self.final_conv = DCNv4ChannelsFirst(f, groups), DCNv4ChannelsFirst(f, groups)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.channel_attention(x) * self.pos_conv(x) + self.geometrical_attention(x)
        return x * torch.sigmoid(self.final_conv(mixed)) + x


class Block(nn.Module):
    def __init__(self, f: int, growth: int, layers: int, attention: Attention):
        super().__init__()
        self.dense_layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(f + growth * j, growth, 3, padding=1), nn.ReLU()) for j in range(layers)
        )
        self.dense_conv = nn.Conv2d(f + growth * layers, f, 3, padding=1)
        self.attention = attention
        self.local_conv = nn.Conv2d(f, f, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for layer in self.dense_layers:
            seen.append(layer(torch.cat(seen, dim=1)))
        return self.local_conv(self.attention(self.dense_conv(torch.cat(seen, dim=1)))) + x


class DeepExtractor(nn.Module):
    def __init__(self, f: int, blocks: list[Block]):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.global_conv = nn.Conv2d(f, f, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for block in self.blocks:
            y = block(y)
        return self.global_conv(y) + x


class Detector(nn.Module):
    def __init__(self, f: int, prototypes: int, guidance: bool):
        super().__init__()
        self.detector = nn.Sequential(nn.Conv2d(f, f // 2, 1), nn.ReLU(), nn.Conv2d(f // 2, 1, 1))
        self.prototype_conv = nn.Conv2d(f, prototypes, 3, padding=1, bias=False)
        self.prototypes = nn.Parameter(torch.randn(prototypes, f, 3, 3))  # never used
        self.guidance = guidance

    def forward(self, x: Tensor) -> Tensor:
        logit = self.detector(x)
        if self.guidance:
            logit = logit + self.prototype_conv(x).amax(dim=1, keepdim=True)
        return torch.sigmoid(logit)


class CharacterAttention(nn.Module):
    def __init__(self, f: int, scales: tuple[float, ...], prototypes: int, guidance: bool):
        super().__init__()
        self.scales = scales
        self.detectors = nn.ModuleList(Detector(f, prototypes, guidance) for _ in scales)
        self.attention_heads = nn.ModuleList(
            nn.Sequential(nn.Conv2d(f + 1, f, 3, padding=1), nn.ReLU(), nn.Conv2d(f, f, 3, padding=1), nn.Sigmoid())
            for _ in scales
        )
        self.fusion = nn.Sequential(nn.Conv2d(f * len(scales), f, 1), nn.ReLU())
        self.output_conv = nn.Sequential(nn.Conv2d(f, f, 3, padding=1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        attended = []
        for scale, detector, head in zip(self.scales, self.detectors, self.attention_heads, strict=True):
            scaled = F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)
            weighed = head(torch.cat([scaled, detector(scaled)], dim=1)) * scaled
            attended.append(F.interpolate(weighed, size=x.shape[2:], mode="bilinear", align_corners=False))
        return self.output_conv(self.fusion(torch.cat(attended, dim=1))) + x


class Upscaler(nn.Module):
    def __init__(self, f: int, scale: int):
        super().__init__()
        if scale == 2:
            self.pre_conv = nn.Conv2d(f, 12, 3, padding=1)
        else:
            self.stage1 = nn.Sequential(nn.Conv2d(f, 4 * f, 3, padding=1), nn.PixelShuffle(2), nn.ReLU())
            self.stage2 = nn.Sequential(nn.Conv2d(f, 12, 3, padding=1), nn.PixelShuffle(2))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        if self.scale == 2:
            return F.pixel_shuffle(self.pre_conv(x), 2)
        return self.stage2(self.stage1(x))


class Generator(nn.Module):
    """Image [n, 3, h, w] in [-1, 1] -> [n, 3, scale*h, scale*w]. `deformable` is "none", "offsets" or "dcnv4"."""

    def __init__(
        self, f: int, blocks: int, deformable: str, growth: int = 32, layers: int = 3, scale: int = 2, shift: int = 1,
        groups: int = 4, msca_scales: tuple[float, ...] = (), prototypes: int = 36, guidance: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.shallow_extractor = ShallowExtractor(f)
        stack = [Block(f, growth, layers, Attention(f, deformable, shift, groups)) for _ in range(blocks)]
        self.deep_extractor = DeepExtractor(f, stack)
        self.character_attention = CharacterAttention(f, msca_scales, prototypes, guidance) if msca_scales else nn.Identity()
        self.upscaler = Upscaler(f, scale)
        self.reconstruction = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh())
        self.skip_weight = nn.Parameter(torch.tensor(0.1))
        self.scale = scale

    def forward(self, image: Tensor) -> Tensor:
        return self.render(self.shallow_extractor(image), image)

    def render(self, features: Tensor, image: Tensor) -> Tensor:
        x = self.character_attention(self.deep_extractor(features))
        x = self.reconstruction(self.upscaler(x))
        skip = F.interpolate(image, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return torch.clamp(x + self.skip_weight * skip, -1, 1)
