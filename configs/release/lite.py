r"""The bundled weights `lite`: networks for two CPU cores, taught on synthetic tracks alone.

python scripts/make_tracks.py --out data/letters --tracks 4000 --seed 50 --scenario-b 0
python scripts/make_tracks.py --out data/pixels --tracks 12000 --seed 51 --scenario-b 0.25
python scripts/make_tracks.py --out data/plates --tracks 12000 --seed 52 --scenario-b 0.35
python scripts/train.py --config configs/release/lite.py:pretrain --workdir runs/lite --config.data.root=data/letters
python scripts/train.py --config configs/release/lite.py:read_lr --workdir runs/lite --config.data.root=data/plates
python scripts/train.py --config configs/release/lite.py:pixels --workdir runs/lite --config.data.root=data/pixels
python scripts/train.py --config configs/release/lite.py:read_all --workdir runs/lite --config.data.root=data/plates
python scripts/make_tracks.py --out data/heldout --tracks 400 --seed 77 --scenario-b 0.4
lpasrn export --checkpoint runs/lite/read_all/best --mean-with runs/lite/read_lr/best --calibrate-on data/heldout --half \
    --out lite.safetensors

The bundled weights did not start from nothing: OCR and generator are those of the `lite` before them (`--config.init_from=lite`
in place of the first two stages), and the fusion got its two details, whose last layers were zero at first. `pixels` then took
1696 steps of 64 on 10000 tracks (lr=5e-4, stopped in the third epoch), 4 minutes on an NVIDIA H200 that also trained `base`, and
979 steps of 12 (lr=2e-4) on 2400 tracks, 34 minutes on two CPU cores. LCOFL's frozen OCR was that of `base` in both: a bundle of
this generator and that OCR, with `model.ocr` as in configs/release/base.py. `read_all` took 617 steps of 16 on 2000 tracks
(lr=3e-4), 14 minutes on the cores, and the mean with the OCR before. Last, `read_all` for 500 steps of 16 on 3000 tracks
(make_tracks.py --tracks 6000 --seed 61 --scenario-b 0.35, every other one; lr=2e-4, stopped before its end), 20 minutes on the
cores beside other work, with the light, noise and JPEG that its augmentation has since, on SR images that were whole medians; and
the mean with the OCR before, the new one counting three quarters. `model.light_sigma` came after that, with `pixels` for 441
steps of 8 on 750 of these tracks (lr=1.5e-4, warmup_epochs=0.06, ema_decay=0.99), LCOFL's frozen OCR that of `base`, 14 minutes
on the cores beside other work, and the mean with the generator before.

All four stages from nothing were run once for smaller networks (model.features=16, num_rrdb_blocks=2, fusion_details=1,
model.ocr.widths=(16, 32, 64, 128)), on two CPU cores beside other work: `pretrain` 1192 steps of 64 in 20 minutes, `read_lr` 891
of 64 (epochs=1) in 49, `pixels` 356 of 16 (epochs=1, 1200 tracks) in 5 and `read_all` 356 of 16 (the same tracks) in 6.
docs/training.md says what they read.
"""

from ml_collections import ConfigDict

from configs.release import stages

MODEL = dict(features=32, num_rrdb_blocks=3, growth=16, msca_scales=(0.5, 0.25), fusion_details=2)
OCR = dict(widths=(24, 48, 96, 128), blocks_per_stage=1, transformer_layers=2, heads=4)


def get_config(stage: str) -> ConfigDict:
    return stages.get_config("lite", stage, MODEL, OCR)
