"""The baseline of super-resolution: the same OCR, taught to read LR plates enlarged by bicubic interpolation.

python scripts/train.py --config configs/ocr_on_lr.py --workdir runs/ocr_on_lr
python scripts/evaluate.py --checkpoint runs/a/best --baseline runs/ocr_on_lr/best --data-root data/val

It has stage 0's schedule, and no stage needs it.
"""

from ml_collections import ConfigDict

from configs import stage0


def get_config(preset: str = "") -> ConfigDict:
    config = stage0.get_config(preset)
    config.stage.update(name="ocr_on_lr", networks=("ocr",), loss_components=("ctc", "slots"), reads=("bicubic",))
    return config
