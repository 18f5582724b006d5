"""Stage 1, warm-up: the generator learns to rebuild HR pixels, before characters count.

python scripts/train.py --config configs/stage1.py --workdir runs/a
python scripts/train.py --config configs/stage1.py:quick --workdir runs/a
"""

from ml_collections import ConfigDict

from configs import base


def get_config(preset: str = "") -> ConfigDict:
    config = base.get_config()
    config.stage.update(
        name="warmup",
        after=dict(name="pretrain", config="configs/stage0.py"),
        frozen=("ocr", "embedder"),
        loss_components=("l1",),
        epochs=30,
        lr=1e-4,
    )
    return base.with_preset(config, preset, "stage1", dict(epochs=1, lr=2e-3))
