"""Stage 4, hard mining: plates that are still misread come more often, and embeddings hold SR and HR together.

python scripts/train.py --config configs/stage4.py --workdir runs/a
python scripts/train.py --config configs/stage4.py:quick --workdir runs/a
"""

from ml_collections import ConfigDict

from configs import base


def get_config(preset: str = "") -> ConfigDict:
    config = base.get_config()
    config.stage.update(
        name="hard_mining",
        after=dict(name="finetune", config="configs/stage3.py"),
        frozen=("ocr", "embedder"),
        loss_components=("l1", "lcofl", "embedding"),
        epochs=50,
        lr=5e-6,
    )
    config.stage.hard_mining.enabled = True
    mining = dict(reweight_interval=1, min_seen=1)
    return base.with_preset(config, preset, "stage4", dict(epochs=2, lr=2e-4, hard_mining=mining))
