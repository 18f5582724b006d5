"""The track generator in PyTorch: one image from several frames, with loops over the frames where the other has arrays.

The first frame is the reference. A DCNv4 whose offsets come from the pair moves the features of each other frame to it, and each
frame gets a score at each pixel for how well it fits. What the softmax of the scores mixes, with the details that each moved
frame adds to the reference, goes through the generator.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from parity.reference_dcnv4 import DCNv4ChannelsFirst
from parity.reference_generator import Generator


class FrameAlignment(nn.Module):
    def __init__(self, f: int, groups: int):
        super().__init__()
        self.guide = nn.Conv2d(2 * f, f, 3, padding=1)
        self.deform = DCNv4ChannelsFirst(f, groups)

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        return frame + self.deform(frame, F.relu(self.guide(torch.cat([frame, reference], dim=1))))


class FrameWeights(nn.Module):
    def __init__(self, f: int):
        super().__init__()
        self.compare = nn.Conv2d(3 * f, f // 2, 3, padding=1)
        self.score = nn.Conv2d(f // 2, 1, 3, padding=1, bias=False)

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        return self.score(F.relu(self.compare(torch.cat([frame, reference, (frame - reference).abs()], dim=1))))


class FrameDetails(nn.Module):
    def __init__(self, f: int, blocks: int):
        super().__init__()
        self.join = nn.Conv2d(2 * f, f // 2, 3, padding=1)
        self.first, self.second = (nn.ModuleList(nn.Conv2d(f // 2, f // 2, 3, padding=1) for _ in range(blocks)) for _ in "12")
        self.details = nn.Conv2d(f // 2, f, 3, padding=1, bias=False)

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        x = F.relu(self.join(torch.cat([frame, reference], dim=1)))
        for first, second in zip(self.first, self.second, strict=True):
            x = x + second(F.relu(first(x)))
        return self.details(x)


class TrackGenerator(nn.Module):
    """Frames [b, f, 3, h, w] in [-1, 1] -> [b, 3, scale*h, scale*w]; `present` [b, f] is False for frames that only fill up."""

    def __init__(self, generator: Generator, f: int, groups: int, details: int, present: Tensor):
        super().__init__()
        self.generator = generator
        self.align, self.weights = FrameAlignment(f, groups), FrameWeights(f)
        self.details = FrameDetails(f, details) if details else None
        self.present = present

    def forward(self, frames: Tensor) -> Tensor:
        features = [self.generator.shallow_extractor(frame) for frame in frames.unbind(1)]
        reference = features[0]
        aligned = [reference, *(self.align(other, reference) for other in features[1:])]
        odds = [
            torch.exp(self.weights(frame, reference)) * self.present[:, i, None, None, None] for i, frame in enumerate(aligned)
        ]
        total = sum(odds)
        if self.details:
            aligned = [reference, *(other + self.details(other, reference) for other in aligned[1:])]
        merged = sum(weight / total * frame for weight, frame in zip(odds, aligned, strict=True))
        image = sum(weight / total * frame for weight, frame in zip(odds, frames.unbind(1), strict=True))
        return self.generator.render(merged, image)
