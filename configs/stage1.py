"""Stage 1, warm-up: the generator learns to rebuild HR pixels, before characters count.

python scripts/train.py --config configs/stage1.py --workdir runs/a
python scripts/train.py --config configs/stage1.py:quick --workdir runs/a
"""

from ml_collections import ConfigDict

from configs import base


def get_config(preset: str = "") -> ConfigDict:
    config = base.get_config()
    config.stage = ConfigDict()
    config.stage.name = "warmup"
    config.stage.loss_components = ("l1",)
    config.stage.epochs = 30
    config.stage.lr = 1e-4
    config.stage.schedule = "step"
    config.stage.decay = 0.9
    config.stage.decay_epochs = 5
    return base.with_preset(config, preset, epochs=2, lr=2e-3, decay_epochs=1, decay=0.5)
