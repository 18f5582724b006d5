"""The bundled weights `lite`: networks for two CPU cores, taught on synthetic tracks alone.

python scripts/make_tracks.py --out data/letters --tracks 4000 --seed 50 --scenario-b 0
python scripts/make_tracks.py --out data/pixels --tracks 12000 --seed 51 --scenario-b 0.25
python scripts/make_tracks.py --out data/plates --tracks 12000 --seed 52 --scenario-b 0.35
python scripts/train.py --config configs/release/lite.py:pretrain --workdir runs/lite --config.data.root=data/letters
python scripts/train.py --config configs/release/lite.py:read_lr --workdir runs/lite --config.data.root=data/plates
python scripts/train.py --config configs/release/lite.py:pixels --workdir runs/lite --config.data.root=data/pixels
python scripts/train.py --config configs/release/lite.py:read_all --workdir runs/lite --config.data.root=data/plates
python scripts/make_tracks.py --out data/heldout --tracks 400 --seed 77 --scenario-b 0.4
lpasrn export --checkpoint runs/lite/read_all/best --calibrate-on data/heldout --half --out lite.safetensors

The bundled weights did not start from nothing: their OCR and generator are those of the `lite` before them, by
`--config.init_from=lite` in place of the first two stages, and that generator had been taught by an OCR (LCOFL). `pixels` took
2116 steps of 64 on 8000 tracks, 180 s on an NVIDIA H200; `read_all` 2160 steps of 16 on 7000 tracks, 37 minutes on two CPU
cores.
"""

from ml_collections import ConfigDict

from configs.release import stages

MODEL = dict(features=32, num_rrdb_blocks=3, growth=16, msca_scales=(0.5, 0.25))
OCR = dict(widths=(24, 48, 96, 128), blocks_per_stage=1, transformer_layers=2, heads=4)


def get_config(stage: str) -> ConfigDict:
    return stages.get_config("lite", stage, MODEL, OCR)
