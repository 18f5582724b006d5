"""Stage 2, LCOFL: the frozen OCR tells the generator which characters its images must show.

python scripts/train.py --config configs/stage2.py --workdir runs/a
python scripts/train.py --config configs/stage2.py:quick --workdir runs/a
"""

from ml_collections import ConfigDict

from configs import base


def get_config(preset: str = "") -> ConfigDict:
    config = base.get_config()
    config.stage.update(
        name="lcofl",
        after=dict(name="warmup", config="configs/stage1.py"),
        frozen=("ocr", "embedder"),
        loss_components=("l1", "lcofl"),
        epochs=300,
        lr=1e-4,
    )
    return base.with_preset(config, preset, "stage2", dict(epochs=1, lr=5e-4))
