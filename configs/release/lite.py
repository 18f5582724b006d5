"""The bundled weights `lite`: small networks for two CPU cores, taught on synthetic tracks alone.

python scripts/make_tracks.py --out data/letters --tracks 2400 --seed 20 --scenario-b 0
python scripts/make_tracks.py --out data/lite --tracks 8000 --seed 21 --scenario-b 0.4
python scripts/train.py --config configs/release/lite.py:pretrain --workdir runs/lite --config.data.root=data/letters
python scripts/train.py --config configs/release/lite.py:read_lr --workdir runs/lite --config.data.root=data/lite
python scripts/make_tracks.py --out data/lite_tracks --tracks 2800 --seed 22 --scenario-b 0.4
python scripts/train.py --config configs/release/lite.py:track --workdir runs/lite --config.data.root=data/lite_tracks
python scripts/export.py --checkpoint runs/lite/track/last --out lpasrn_jax/weights/bundled/lite.safetensors
"""

import importlib

from ml_collections import ConfigDict

# A stage of this recipe: the config that it starts from, and what it changes there.
STAGES = {
    # Letters first, on HR plates that fill their images: from harder ones a new OCR learns nothing for thousands of steps.
    "pretrain": (
        "stage0",
        dict(networks=("ocr",), loss_components=("ctc", "slots"), reads=("hr",), epochs=1, lr=2e-3, warmup_epochs=0.1),
    ),
    # Then LR as well as HR, in the crops that people make.
    "read_lr": (
        "stage0",
        dict(
            name="read_lr",
            after=dict(name="pretrain", config="configs/release/lite.py:pretrain"),
            networks=("ocr",),
            loss_components=("ctc", "slots"),
            reads=("hr", "bicubic"),
            epochs=2,
            lr=1.5e-3,
            warmup_epochs=0.05,
        ),
    ),
    # One image from one to five frames, true to its pixels, before an OCR that sees it blurred, moved and recoloured.
    "track": (
        "stage2",
        dict(
            name="track",
            after=dict(name="read_lr", config="configs/release/lite.py:read_lr"),
            networks=("generator", "fusion", "ocr"),
            frozen=("ocr",),
            loss_components=("l1", "lcofl", "consistency"),
            epochs=1,
            lr=1e-3,
            schedule="cosine",
            warmup_epochs=0.02,
        ),
    ),
}


def get_config(stage: str) -> ConfigDict:
    start, changes = STAGES[stage]
    config = importlib.import_module(f"configs.{start}").get_config()
    config.data.update(lr_size=(24, 72), crop_margins=(-0.04, 0.25), num_workers=0)
    config.data.augment.update(
        rotation_degrees=5.0, translate=0.03, scale=0.08, shear=0.12, perspective=0.05, brightness=0.1, contrast=0.3
    )
    config.model.update(features=32, num_rrdb_blocks=3, growth=16, msca_scales=(0.5, 0.25), skip="bicubic")
    config.model.ocr.update(widths=(24, 48, 96, 128), blocks_per_stage=1, transformer_layers=2, heads=4)
    config.loss.update(use_lightweight_embedder=True, lambda_ctc=0.1, lambda_lcofl=0.1, lambda_ssim=2.0)
    config.train.update(batch_size=16, ema_decay=0.998)
    config.stage.update(changes)
    return STEPS[stage](config) if stage in STEPS else config


def _upright(config: ConfigDict) -> ConfigDict:
    config.data.crop_margins = (0.0, 0.03)
    config.data.augment.update(rotation_degrees=2.0, translate=0.01, scale=0.02, shear=0.05, perspective=0.02)
    return config


def _faithful(config: ConfigDict) -> ConfigDict:
    # Colours stay what they are, so that the generator learns to keep them.
    config.data.augment.update(brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0, blur_sigma=0.5, jpeg_quality=(50, 100))
    config.loss.perturb.update(
        enabled=True, scale=0.06, translate=0.03, blur_sigma=1.2, contrast=0.2, brightness=0.1, hue=0.02, jpeg_quality=(100, 100)
    )
    config.train.update(batch_size=8, best_metrics=("word_acc", "char_acc", "psnr"))
    return config


STEPS = {"pretrain": _upright, "track": _faithful}
