r"""Weights at the guide's size: networks for a GPU. The package does not carry any; this is the recipe.

python scripts/make_tracks.py --out data/letters --tracks 4000 --seed 50 --scenario-b 0
python scripts/make_tracks.py --out data/pixels --tracks 40000 --seed 51 --scenario-b 0.25
python scripts/make_tracks.py --out data/plates --tracks 40000 --seed 52 --scenario-b 0.35
python scripts/train.py --config configs/release/full.py:pretrain --workdir runs/full --config.data.root=data/letters
python scripts/train.py --config configs/release/full.py:read_lr --workdir runs/full --config.data.root=data/plates
python scripts/train.py --config configs/release/full.py:pixels --workdir runs/full --config.data.root=data/pixels \
    --config.stage.lr=4e-4
python scripts/train.py --config configs/release/full.py:read_all --workdir runs/full --config.data.root=data/plates
python scripts/make_tracks.py --out data/heldout --tracks 400 --seed 77 --scenario-b 0.4
lpasrn export --checkpoint runs/full/read_all/best --mean-with runs/full/read_lr/best --calibrate-on data/heldout --half \
    --out full.safetensors

It was never run as a whole. One step of 64 of `pixels` took 50 to 100 ms with the generator of `base`, a fifth of this one, on
an NVIDIA H200 that also trained an OCR: plan for hours. With lr=1e-3, the stage's own, a generator of 64 features and 6 blocks
stopped learning within 500 steps there.
"""

from ml_collections import ConfigDict

from configs.release import stages

MODEL = dict(features=64, num_rrdb_blocks=12, growth=32, msca_scales=(1.0, 0.5, 0.25), fusion_details=4)
OCR = dict(widths=(64, 128, 256, 512), blocks_per_stage=2, transformer_layers=4, heads=8)


def get_config(stage: str) -> ConfigDict:
    return stages.get_config("full", stage, MODEL, OCR)
