"""Stage track: the generator learns to make one image from all frames of a track, and goes on making one from a single frame.

python scripts/train.py --config configs/track.py --workdir runs/a
python scripts/train.py --config configs/track.py:quick --workdir runs/a

It follows the guide's five stages, of which it is none. What one frame's image loses by it is seen in validation (`sr`, `fused`).
"""

from ml_collections import ConfigDict

from configs import base


def get_config(preset: str = "") -> ConfigDict:
    config = base.get_config()
    config.stage.update(
        name="track",
        after=dict(name="hard_mining", config="configs/stage4.py"),
        networks=("generator", "fusion", "ocr", "embedder"),
        frozen=("embedder",),
        loss_components=("l1", "lcofl", "consistency", "ctc", "slots"),
        reads=("hr", "bicubic", "sr"),
        epochs=50,
        lr=1e-4,
        schedule="cosine",
        warmup_epochs=1.0,
    )
    return base.with_preset(config, preset, "track", dict(epochs=1, lr=3e-4, warmup_epochs=0.1))
