"""Weights of a small generator and a small OCR as stage 2 leaves them, but random."""

from typing import Any

from lpasrn_jax.models.generator import Generator
from lpasrn_jax.models.plate_model import PlateModel, default_config
from lpasrn_jax.weights.bundle import Bundle
from tests.models.random_params import random_values

OCR = {"widths": [8, 8, 8, 16], "blocks_per_stage": 1, "transformer_layers": 1, "heads": 2}
SMALL = dict(features=8, num_rrdb_blocks=1, growth=4, dense_layers=1, use_character_attention=False, use_deformable=False)
GENERATOR = Generator(**SMALL)


def small_config() -> dict:
    """The sections of `default_config` with small networks, for LR images of 8 x 24 pixels."""
    config = default_config()
    config["model"] |= SMALL | {"ocr": OCR}
    config["data"] = {"lr_size": [8, 24], "val_split": 0.1}
    return config


def random_bundle(**model: Any) -> Bundle:
    """For LR images of 8 x 24 pixels; `model`: values of the config's section of that name."""
    config = small_config() | {"stage": {"name": "lcofl"}, "lineage": ["pretrain", "warmup", "lcofl"]}
    config["model"] |= model
    shapes = PlateModel.from_config(config, ("generator", "ocr")).shapes
    return Bundle({name: random_values(tree) for name, tree in shapes.items()}, config, {"step": 40})


def track_bundle() -> Bundle:
    """The same with a fusion of frames."""
    shapes = PlateModel.from_config(small_config(), ("generator", "fusion", "ocr")).shapes
    return Bundle({name: random_values(tree) for name, tree in shapes.items()}, small_config(), {})


def part(bundle: Bundle, *networks: str) -> Bundle:
    """A bundle with only these of its networks."""
    return Bundle({name: bundle.params[name] for name in networks}, bundle.config, bundle.about)
