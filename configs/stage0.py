"""Stage 0, pretrain: the OCR learns to read HR plates, the embedder to tell them apart.

python scripts/train.py --config configs/stage0.py --workdir runs/a
python scripts/train.py --config configs/stage0.py:quick --workdir runs/a

An OCR that is taught bicubic LR images beside HR reads photographs better: configs/release/stages.py does so, from `read_lr` on.
"""

from ml_collections import ConfigDict

from configs import base


def get_config(preset: str = "") -> ConfigDict:
    config = base.get_config()
    config.stage.update(
        name="pretrain",
        networks=("ocr", "embedder"),
        loss_components=("ctc", "slots", "contrastive"),
        reads=("hr",),
        epochs=50,
        lr=1e-3,
        weight_decay=0.05,
        schedule="cosine",
        warmup_epochs=5.0,
    )
    config.train.best_metrics = ("word_acc", "char_acc")  # of HR images: there is no generator yet
    return base.with_preset(config, preset, "stage0", dict(epochs=8, lr=2e-3, warmup_epochs=0.5))
