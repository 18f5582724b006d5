"""What the interface answers with: readings and images as JSON."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image as PillowImage
from pydantic import BaseModel, Field

from lpasrn_jax.reading.reader import Reader
from lpasrn_jax.reading.reading import Reading

RGB = UInt8[np.ndarray, "h w 3"]

# The least confidence for each word. What the reader rejects cannot be read.
CERTAINTIES = ((0.98, "practically certain"), (0.9, "very likely right"), (0.7, "likely right"), (0.4, "uncertain"))
DOUBTFUL, UNREADABLE, NO_PLATE = "very uncertain", "cannot be read", "no plate"


class Candidate(BaseModel):
    """A character and its probability in [0, 1]."""

    character: str
    probability: float


class Slot(Candidate):
    """One place of the text: what was read there, and the next characters, the most probable first."""

    runners_up: list[Candidate]


class ReadAnswer(BaseModel):
    """The reading of one plate."""

    text: str = Field(description="the most probable text, also where it is rejected")
    confidence: float = Field(description="probability in [0, 1] that all of the text is right")
    certainty: str = Field(description=f"the confidence in words, from {CERTAINTIES[0][1]!r} to {UNREADABLE!r}, or {NO_PLATE!r}")
    layout: str = Field(description="name of the layout that the text has")
    slots: list[Slot] = Field(description="one for each character of the text")
    frames: int = Field(description="number of images that it was read from")
    source: str = Field(
        description="what was read: 'original' images, enlarged by bicubic interpolation, the network's 'sr' images, or the one "
        "image 'fused' from several; 'original+sr' or 'original+fused' where the reading is made from both"
    )
    rejected: bool = Field(description="the confidence is below what the server asks for: the text is a guess")
    is_plate: bool = Field(description="false if the image shows no plate that could be read: the text means nothing")
    reason: str = Field(description="why it is no plate; empty for a plate")


class ImageAnswer(BaseModel):
    """One image."""

    png: str = Field(description="the PNG file in base64")
    width: int = Field(description="pixels")
    height: int = Field(description="pixels")


class FrameAnswer(BaseModel):
    """One image of the plate: as it came, enlarged without knowledge, and enlarged by the network."""

    lr: ImageAnswer
    bicubic: ImageAnswer
    sr: ImageAnswer


class EnhanceAnswer(BaseModel):
    """The enhanced images of one plate."""

    scale: int = Field(description="how many times as wide and high bicubic, SR and fused images are")
    frames: list[FrameAnswer]
    reference: int = Field(
        description="index of the frame that the OCR is surest of, whose moment and place the fused image shows"
    )
    fused: ImageAnswer | None = Field(description="one image made of all frames; null for one frame, or weights without a fusion")


class ErrorAnswer(BaseModel):
    """What is wrong with a request, in one line."""

    error: str


def read_answer(reading: Reading) -> ReadAnswer:
    """A reading as JSON, with its confidence in words."""
    return ReadAnswer(**reading.to_dict(), certainty=certainty(reading))


def certainty(reading: Reading) -> str:
    """The confidence in words."""
    if not reading.is_plate:
        return NO_PLATE
    if reading.rejected:
        return UNREADABLE
    return next((words for least, words in CERTAINTIES if reading.confidence >= least), DOUBTFUL)


def enhance_answer(reader: Reader, plates: list[RGB]) -> EnhanceAnswer:
    """Each plate enlarged, and one image of all where there are several and the weights can fuse."""
    frames = [FrameAnswer(lr=_png(lr), bicubic=_png(bicubic(lr, reader.scale)), sr=_png(reader.enhance(lr))) for lr in plates]
    reference, fused = 0, None
    if len(plates) > 1 and reader.fuses:
        if reader.reads:
            reference = int(np.argmax([reading.confidence for reading in reader.read_many(plates)]))
        fused = _png(reader.enhance_track([plates[reference], *plates[:reference], *plates[reference + 1 :]]))
    return EnhanceAnswer(scale=reader.scale, frames=frames, reference=reference, fused=fused)


def bicubic(image: RGB, scale: int) -> RGB:
    """The image `scale` times as large by bicubic interpolation (Keys 1981, a = -0.5), as `images.bicubic_upscale`.

    By Pillow, which compiles nothing for each new size.
    """
    h, w, _ = image.shape
    return np.asarray(PillowImage.fromarray(image).resize((w * scale, h * scale), PillowImage.Resampling.BICUBIC))


def _png(image: RGB) -> ImageAnswer:
    h, w, _ = image.shape
    encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    return ImageAnswer(png=base64.b64encode(encoded).decode(), width=w, height=h)
