"""The embedders in PyTorch. The ResNet-18 has torchvision's parameter names, and normalisations of any kind."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FrozenNorm(nn.Module):
    """A batch normalisation in evaluation mode whose statistics are part of its weight and bias."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight[:, None, None] + self.bias[:, None, None]


class BasicBlock(nn.Module):
    def __init__(self, channels: int, width: int, stride: int, norm: type[nn.Module]):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = norm(width)
        self.downsample = nn.Identity()
        if channels != width:
            self.downsample = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), norm(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.downsample(x) + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class ResNet18(nn.Module):
    """Image [n, 3, h, w] in [-1, 1] -> [n, 512]."""

    def __init__(self, norm: type[nn.Module] = FrozenNorm):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1, norm), BasicBlock(64, 64, 1, norm))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2, norm), BasicBlock(128, 128, 1, norm))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2, norm), BasicBlock(256, 256, 1, norm))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2, norm), BasicBlock(512, 512, 1, norm))

    def forward(self, image: Tensor) -> Tensor:
        mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        x = F.relu(self.bn1(self.conv1((image / 2 + 0.5 - mean) / std)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))


class Lightweight(nn.Module):
    """Image [n, 3, h, w] in [-1, 1] -> [n, 256]."""

    def __init__(self):
        super().__init__()
        sizes = ((3, 32), (32, 64), (64, 128), (128, 256))
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 3, stride=2, padding=1, bias=False) for i, o in sizes)
        self.norms = nn.ModuleList(nn.GroupNorm(o // 8, o) for _, o in sizes)

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x)))
        return x.mean((2, 3))


class Embedder(nn.Module):
    """Image [n, 3, h, w] in [-1, 1] -> [n, dim] of length 1."""

    def __init__(self, backbone: nn.Module, channels: int, dim: int):
        super().__init__()
        self.backbone = backbone
        self.hidden, self.embedding = nn.Linear(channels, 256), nn.Linear(256, dim)

    def forward(self, image: Tensor) -> Tensor:
        return F.normalize(self.embedding(F.relu(self.hidden(self.backbone(image)))), dim=-1)
