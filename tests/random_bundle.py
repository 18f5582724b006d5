"""Weights of a small generator and a small OCR as stage 2 leaves them, but random."""

import numpy as np

from lpasrn_jax.models import create_ocr
from lpasrn_jax.models.generator import Generator, generator_config
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.weights.bundle import Bundle
from tests.models.random_params import random_params

OCR = {"widths": [8, 8, 8, 16], "blocks_per_stage": 1, "transformer_layers": 1, "heads": 2}
GENERATOR = Generator(
    features=8, num_rrdb_blocks=1, growth=4, dense_layers=1, use_character_attention=False, use_deformable=False
)


def random_bundle() -> Bundle:
    """For LR images of 8 x 24 pixels."""
    params = {
        "generator": random_params(GENERATOR, np.zeros((1, 8, 24, 3), np.float32)),
        "ocr": random_params(create_ocr(OCR, BRAZIL), np.zeros((1, 16, 48, 3), np.float32)),
    }
    config = {
        "model": {**generator_config(GENERATOR), "ocr": OCR},
        "plates": BRAZIL.config(),
        "data": {"lr_size": [8, 24], "val_split": 0.1},
        "stage": {"name": "lcofl"},
        "lineage": ["pretrain", "warmup", "lcofl"],
    }
    return Bundle(params, config, {"step": 40})


def part(bundle: Bundle, *networks: str) -> Bundle:
    """A bundle with only these of its networks."""
    return Bundle({name: bundle.params[name] for name in networks}, bundle.config, bundle.about)
