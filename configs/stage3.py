"""Stage 3, fine-tuning: generator and OCR learn together. The OCR goes on reading HR images, so that it does not forget them.

python scripts/train.py --config configs/stage3.py --workdir runs/a
python scripts/train.py --config configs/stage3.py:quick --workdir runs/a
"""

from ml_collections import ConfigDict

from configs import base


def get_config(preset: str = "") -> ConfigDict:
    config = base.get_config()
    config.stage.update(
        name="finetune",
        after=dict(name="lcofl", config="configs/stage2.py"),
        frozen=("embedder",),
        loss_components=("l1", "lcofl", "ctc", "slots"),
        reads=("hr", "sr"),
        epochs=150,
        lr=1e-5,
    )
    return base.with_preset(config, preset, "stage3", dict(epochs=1, lr=3e-4))
