r"""The bundled weights `base`: the generator of `lite` with three times its blocks, and an OCR of four times its parameters.

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

The bundled weights took a shorter way. Generator and fusion were grown: those of `lite` with three blocks and two details more,
whose last layers were zero at first, so that nothing changed, learned `pixels` for 5473 steps of 8 on two CPU cores, 77
minutes; then three blocks and two details more again, and 2058 steps of 64 on 12000 other tracks (lr=4e-4, stopped in the third
epoch), 5 minutes on an NVIDIA H200. The OCR started from nothing: `pretrain` 1520 steps of 16, 14 minutes on the cores;
`read_lr` 5556 steps of 64 on 6000 tracks, 3.5 minutes on the H200; `read_all` 1936 steps of 16, 77 minutes on the cores, taking
the mean with what a run had started from after each of two. From that, `read_all` for 768 steps of 64 beside the generator's
last training and, with the new generator, 3890 steps of 64 on 10000 other tracks, 9 minutes on the H200; and the mean with what
it had started from.
Last, `read_all` for 919 steps of 16 on 3000 tracks (make_tracks.py --tracks 6000 --seed 61 --scenario-b 0.35, every other one;
lr=2e-4), 49 minutes on the cores beside other work, with the light, noise and JPEG that its augmentation has since; and the mean
with what it had started from, the new OCR counting three quarters (`--mean-share 0.25`). `model.median_limit` came after
that. `model.light_sigma` came last, with `pixels` for 441 steps of 8 on 750 of these tracks (lr=1.5e-4, warmup_epochs=0.06,
ema_decay=0.99), 18 minutes on the cores beside other work, and the mean with the generator before.

In the first two runs of `pixels`, the JPEG of `loss.perturb` passed no gradient on: of LCOFL only its SSIM taught the generator.
With that mended, 1627 steps of 64 (lr=4e-4) on 10000 tracks and 911 (lr=3e-4) on 7000 others followed, 4 and 2 minutes on the
H200, neither to the end of its schedule.
"""

from ml_collections import ConfigDict

from configs.release import stages

MODEL = dict(features=32, num_rrdb_blocks=9, growth=16, msca_scales=(0.5, 0.25), fusion_details=4)
OCR = dict(widths=(32, 64, 128, 256), blocks_per_stage=1, transformer_layers=3, heads=8)


def get_config(stage: str) -> ConfigDict:
    return stages.get_config("base", stage, MODEL, OCR)
