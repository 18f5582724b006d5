"""The stages that released weights come from, for networks of any size; `lite.py` and `base.py` give them theirs.

The OCR learns letters, then LR, then the generator's images, under harder light and coarser files than the tracks have. The
generator learns pixels, and from the frozen OCR, with a small weight, which characters they must show: with a large one it writes
for that OCR, and other readers read its images worse.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from lpasrn_jax.errors import UserError


def get_config(size: str, stage: str, model: Mapping[str, Any], ocr: Mapping[str, Any]) -> ConfigDict:
    """The config of a stage for one size of the networks.

    Args:
      size: the name of the size's file in this folder.
      stage: one of `STAGES`.
      model: of the generator, as in `configs/base.py`.
      ocr: of the OCR, likewise.
    """
    if stage not in STAGES:
        raise UserError(f"configs/release/{size}.py:{stage}: no such stage; expected one of {', '.join(STAGES)}")
    start, changes = STAGES[stage]
    config = importlib.import_module(f"configs.{start}").get_config()
    config.data.update(lr_size=(24, 72), crop_margins=(-0.04, 0.25))
    config.model.update(skip="bicubic", light_sigma=0.25, **model)
    config.model.ocr.update(ocr)
    config.train.update(batch_size=64, ema_decay=0.999)
    names = list(STAGES)
    before = names[names.index(stage) - 1] if stage != names[0] else ""
    config.stage.update(name=stage, after=dict(name=before, config=f"configs/release/{size}.py:{before}" if before else ""))
    changes(config)
    return config


def _pretrain(config: ConfigDict) -> None:
    """Letters, on HR plates that fill their images: from harder ones a new OCR learns nothing for thousands of steps."""
    config.data.crop_margins = (0.0, 0.03)
    config.data.augment.update(
        rotation_degrees=2.0, translate=0.01, scale=0.02, shear=0.05, perspective=0.02, brightness=0.1, contrast=0.3
    )
    config.stage.update(_reading("hr"), epochs=4, lr=1.5e-3, warmup_epochs=0.3)


def _read_lr(config: ConfigDict) -> None:
    """LR as well as HR, in the crops that people make."""
    config.data.augment.update(_EVERY_CAMERA)
    config.stage.update(_reading("hr", "bicubic"), epochs=2, lr=1e-3, warmup_epochs=0.1)


def _pixels(config: ConfigDict) -> None:
    """One image from one to five frames, true to HR and to LR, and legible to an OCR that sees it from changing places."""
    config.data.augment.enabled = False  # the tracks' own cameras are all that the generator shall undo
    config.loss.update(lambda_lcofl=0.05, lambda_ssim=2.0, lambda_consistency=0.05)
    config.loss.perturb.enabled = True
    config.stage.update(
        networks=("generator", "fusion", "ocr"),
        frozen=("ocr",),
        loss_components=("l1", "lcofl", "consistency"),
        epochs=3,
        lr=1e-3,
        schedule="cosine",
        warmup_epochs=0.1,
    )
    config.train.best_metrics = ("psnr",)


def _read_all(config: ConfigDict) -> None:
    """The finished generator's images as well, without the specks and notches that a generator leaves in real plates."""
    config.data.augment.update(_EVERY_CAMERA)
    config.model.median_limit = 12.0
    config.stage.update(
        _reading("hr", "bicubic", "sr"),
        networks=("generator", "fusion", "ocr"),
        frozen=("generator", "fusion"),
        epochs=1,
        lr=6e-4,
        warmup_epochs=0.05,
    )


_EVERY_CAMERA = dict(
    rotation_degrees=5.0,
    translate=0.03,
    scale=0.08,
    shear=0.12,
    perspective=0.05,
    uneven_light=0.75,
    brightness=0.1,
    contrast=0.3,
    noise_std=0.05,
    jpeg_quality=(15, 100),
)

# A stage: the config of the guide's that it starts from, and what it changes there.
STAGES = {
    "pretrain": ("stage0", _pretrain),
    "read_lr": ("stage0", _read_lr),
    "pixels": ("track", _pixels),
    "read_all": ("track", _read_all),
}


def _reading(*images: str) -> dict[str, Any]:
    """Of a stage: the OCR alone learns, from these images."""
    return dict(networks=("ocr",), frozen=(), loss_components=("ctc", "slots"), reads=images, schedule="cosine")
