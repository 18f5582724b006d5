r"""The bundled weights `base`: the generator of `lite` with twice its blocks, and an OCR of four times its parameters.

python scripts/make_tracks.py --out data/letters --tracks 4000 --seed 50 --scenario-b 0
python scripts/make_tracks.py --out data/pixels --tracks 12000 --seed 51 --scenario-b 0.25
python scripts/make_tracks.py --out data/plates --tracks 12000 --seed 52 --scenario-b 0.35
python scripts/train.py --config configs/release/base.py:pretrain --workdir runs/base --config.data.root=data/letters
python scripts/train.py --config configs/release/base.py:read_lr --workdir runs/base --config.data.root=data/plates
python scripts/train.py --config configs/release/base.py:pixels --workdir runs/base --config.data.root=data/pixels
python scripts/train.py --config configs/release/base.py:read_all --workdir runs/base --config.data.root=data/plates
python scripts/make_tracks.py --out data/heldout --tracks 400 --seed 77 --scenario-b 0.4
lpasrn export --checkpoint runs/base/read_all/best --mean-with runs/base/read_lr/best --calibrate-on data/heldout --half \
    --out base.safetensors

The bundled weights took a shorter way. Generator and fusion are those of `lite` with three blocks and the details more, whose
last layers were zero at first, so that nothing changed; `pixels` then took 4472 steps of 8 on 7200 tracks (lr=5e-4, no LCOFL), 57
minutes on two CPU cores, and 1001 steps of 8 on 1650 others as the stage is now (lr=3e-4), 20 minutes. The OCR started from
nothing: `pretrain` 1520 steps of 16, 14 minutes on the same cores; `read_lr` 5556 steps of 64 on 6000 tracks, 3.5 minutes on an
NVIDIA H200; `read_all` 617 steps of 16 on 2000 tracks (lr=3e-4), 26 minutes on the cores; the mean of these two; from it
`read_all` again, 1319 steps of 16 on 4300 other tracks, 51 minutes beside other work, on images of a generator with 1469 more
steps of `pixels` at lambda_lcofl=0.05; and the mean with what that had started from.
"""

from ml_collections import ConfigDict

from configs.release import stages

MODEL = dict(features=32, num_rrdb_blocks=6, growth=16, msca_scales=(0.5, 0.25), fusion_details=2)
OCR = dict(widths=(32, 64, 128, 256), blocks_per_stage=1, transformer_layers=3, heads=8)


def get_config(stage: str) -> ConfigDict:
    return stages.get_config("base", stage, MODEL, OCR)
