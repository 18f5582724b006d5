"""What all stages share. A stage's config starts from here and changes what makes it that stage.

Key names follow the guide's: `model.num_rrdb_blocks`, `loss.lambda_embed`, `stage.lr`, ...; each is an override on the command
line, as in `--config.model.num_rrdb_blocks=8`.
"""

from ml_collections import ConfigDict

from lpasrn_jax.data import augment
from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import BRAZIL


def get_config() -> ConfigDict:
    config = ConfigDict()
    config.seed = 0
    config.init_from = ""  # weights to start from: a checkpoint or a bundle; empty: random ones
    config.plates = ConfigDict(BRAZIL.config())

    config.data = ConfigDict()
    config.data.root = "data/train"
    config.data.tfds_dir = ""  # where the prepared set goes; empty: TFDS's own default, ~/tensorflow_datasets
    config.data.lr_size = (24, 72)  # height, width; HR is model.scale times that
    config.data.val_split = 0.05
    config.data.strict = False  # stop at the first bad track instead of naming and skipping it
    config.data.augment = dict(augment.DEFAULTS)
    config.data.num_workers = 2  # processes that decode images; 0 decodes in the training process

    config.model = ConfigDict()
    config.model.features = 64
    config.model.num_rrdb_blocks = 12
    config.model.growth = 32
    config.model.dense_layers = 3
    config.model.scale = 2
    config.model.use_deformable = True
    config.model.use_dcnv4 = True
    config.model.deform_groups = 4
    config.model.deform_implementation = "auto"
    config.model.deform_center_offset = 0  # 1 for weights imported from the PyTorch original
    config.model.use_character_attention = True
    config.model.msca_scales = (1.0, 0.5, 0.25)
    config.model.msca_num_prototypes = 36
    config.model.msca_prototype_guidance = True
    config.model.dtype = "float32"
    config.model.remat = False

    config.train = ConfigDict()
    config.train.batch_size = 32
    config.train.grad_clip = 1.0
    config.train.ema_decay = 0.999
    config.train.log_every_steps = 20
    config.train.validate_every_epochs = 1
    config.train.early_stop = 30  # validations without a better one
    config.train.best_metric = "psnr/sr"
    return config


def quick(config: ConfigDict) -> ConfigDict:
    """The same stage at a size that two CPU cores train in minutes: a smaller network, and too few steps to need augmentation."""
    config.model.update(features=24, num_rrdb_blocks=2, growth=12, deform_groups=2, msca_scales=(1.0, 0.5))
    config.train.update(batch_size=16, ema_decay=0.99)
    config.data.num_workers = 0
    config.data.augment.enabled = False
    return config


def with_preset(config: ConfigDict, preset: str, **quick_stage) -> ConfigDict:
    """The config under a preset: "" as it is, "quick" the small size with `quick_stage` in its stage section."""
    if preset not in ("", "quick"):
        raise UserError(f"config preset {preset!r} found; expected :quick, or nothing")
    if preset == "quick":
        config = quick(config)
        config.stage.update(quick_stage)
    return config
