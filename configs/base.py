"""What all stages share. A stage's config starts from here and changes what makes it that stage.

Key names follow the guide's: `model.num_rrdb_blocks`, `loss.lambda_embed`, `stage.lr`, ...; each is an override on the command
line, as in `--config.model.num_rrdb_blocks=8`. Layouts go by their names, `--config.plates.layouts.German=LLNNNN`: those given
replace the ones that are there. The keys of `model` are the attributes of `Generator` in
lpasrn_jax/models/generator.py and, in `model.ocr`, of `OCR` in lpasrn_jax/models/ocr.py, with their defaults.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from lpasrn_jax.data import augment
from lpasrn_jax.errors import UserError
from lpasrn_jax.models.plate_model import default_config
from lpasrn_jax.training.yaml_config import update_from_yaml


def get_config() -> ConfigDict:
    config = ConfigDict(default_config())  # plates, data.lr_size, model, and of loss what the embedder is
    config.seed = 0
    config.init_from = ""  # weights to start from: a checkpoint or a bundle; empty: random ones

    config.data.root = "data/train"
    config.data.tfds_dir = ""  # where the prepared set goes, such as a scratch disk; empty: WORKDIR/prepared
    config.data.crop_margins = (0.0, 0.0)  # range of what is left around plates with known corners, part of their size
    config.data.single_frames = 0.35  # part of the training tracks of which the reference frame alone is shown
    config.data.foreign_frames = 0.05  # part of the other frames of training tracks that are of another plate
    config.data.val_split = 0.05  # part of the plates that is for validation, chosen by a hash of the text
    config.data.val_root = ""  # instead: a folder of tracks that are all for validation
    config.data.val_list = ""  # or: a file that lists the tracks of the root that are for validation, one per line
    config.data.strict = False  # stop at the first bad track instead of naming and skipping it
    config.data.augment = dict(augment.DEFAULTS)
    config.data.num_workers = 2  # processes that decode images; 0 decodes in the training process

    config.loss.lambda_l1 = 1.0
    config.loss.lambda_lcofl = 1.0  # times classification + lambda_layout * layout + lambda_ssim * (1 - SSIM)
    config.loss.lambda_layout = 0.5
    config.loss.lambda_ssim = 1.0
    config.loss.layout_beta = 1.0  # of the layout penalty itself
    config.loss.lambda_consistency = 0.5  # SR sampled down against LR; in no stage of the guide
    config.loss.confusion_alpha = 1.0  # how much an often misread character weighs more
    config.loss.confusion_max = 3.0  # and how much at most
    config.loss.lambda_ctc = 0.2
    config.loss.lambda_slots = 1.0
    config.loss.lambda_contrastive = 1.0
    config.loss.lambda_embed = 0.3
    config.loss.embed_warmup_epochs = 50.0  # lambda_embed rises from 0 over these
    config.loss.embed_margin = 2.0

    config.loss.perturb = dict(augment.DEFAULTS, enabled=False)  # how SR images are changed before the OCR reads them in training

    config.stage = ConfigDict()
    config.stage.name = ""  # of the stage's folder
    config.stage.after = dict(name="", config="")  # the stage whose best checkpoint it starts from; empty: random parameters
    config.stage.networks = ("generator", "ocr", "embedder")
    config.stage.frozen = ()  # patterns of parameters that stay as they are: "ocr" is all of it, "generator/shallow" a part
    config.stage.loss_components = ()
    config.stage.reads = ()  # the images that teach the OCR, for the components ctc and slots
    config.stage.epochs = 1
    config.stage.lr = 1e-4
    config.stage.weight_decay = 0.0
    config.stage.schedule = "step"
    config.stage.decay = 0.9  # the step schedule: times this ...
    config.stage.decay_epochs = 5  # ... after every so many epochs
    config.stage.warmup_epochs = 0.0  # the cosine schedule: linear from 0 over these
    config.stage.hard_mining = ConfigDict()
    config.stage.hard_mining.enabled = False
    config.stage.hard_mining.difficulty_alpha = 2.0
    config.stage.hard_mining.reweight_interval = 5  # epochs between two reweightings
    config.stage.hard_mining.accuracy_decay = 0.9  # of the moving average of an example's character accuracy
    config.stage.hard_mining.min_seen = 2  # times sampled before an example's own accuracy counts
    config.stage.hard_mining.p_hard = (0.1, 0.8)  # the weighted part of the samples, at the stage's start and at its end

    config.train = ConfigDict()
    config.train.batch_size = 32
    config.train.grad_clip = 1.0
    config.train.ema_decay = 0.999
    config.train.log_every_steps = 20
    config.train.validate_every_epochs = 1
    config.train.early_stop = 30  # validations without a better one
    config.train.image_metrics = ("psnr", "ssim")  # measured in validation; others are in lpasrn_jax/evaluation/metrics.py
    config.train.strangers = ()  # readers that read the images of validation too: "RapidOCR", "Tesseract"
    config.train.best_metrics = ("word_acc", "char_acc", "psnr")  # of validation; the later ones break ties
    return config


def quick(config: ConfigDict) -> ConfigDict:
    """The same stage at a size that two CPU cores train in minutes: smaller networks and images, and no augmentation.

    Small networks drift in colour: here they add to the bicubic image, LCOFL weighs less, and where the guide's losses teach them
    pixels, consistency is one more.
    """
    config.data.lr_size = (20, 60)
    config.model.update(features=16, num_rrdb_blocks=2, growth=12, deform_groups=2, msca_scales=(0.5, 0.25), skip="bicubic")
    config.model.ocr.update(widths=(16, 32, 48, 64), blocks_per_stage=1, transformer_layers=1, heads=4)
    config.loss.update(use_lightweight_embedder=True, embed_warmup_epochs=1.0, lambda_lcofl=0.2)
    if "l1" in config.stage.loss_components and "consistency" not in config.stage.loss_components:
        config.stage.loss_components += ("consistency",)
    config.train.update(batch_size=16, ema_decay=0.99)
    config.train.best_metrics = tuple(name for name in config.train.best_metrics if name != "word_acc")  # too few plates
    config.data.num_workers = 0
    config.data.augment.enabled = False
    return config


def with_preset(config: ConfigDict, preset: str, stage: str, quick_stage: Mapping[str, Any]) -> ConfigDict:
    """The config of a stage under a preset.

    Args:
      preset: "" for the config as it is; "quick" for the small size, with `quick_stage` in the stage's section; or a YAML file of
        the guide's form, whose section `progressive_training.STAGE` is the stage's, and which may start from `preset: quick`. A
        file that is not there is looked for in `configs/`: lp_asrn.yaml, the guide's own settings.
      stage: its name among a file's, `stage0` to `stage4` or `track`.
    """

    def make_quick():
        quick(config).stage.update(quick_stage)

    if preset == "quick":
        make_quick()
    elif preset.endswith((".yaml", ".yml")):
        ours = pathlib.Path(__file__).parent / preset
        path = ours if ours.exists() and not pathlib.Path(preset).exists() else preset
        update_from_yaml(config, str(path), stage, {"quick": make_quick})
    elif preset:
        raise UserError(f"config preset {preset!r} found; expected :quick, :FILE.yaml, or nothing")
    return config
