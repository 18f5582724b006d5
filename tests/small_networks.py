"""Overrides that make the networks of every stage small enough to train in a test."""

GENERATOR = [
    "--config.model.features=8",
    "--config.model.num_rrdb_blocks=1",
    "--config.model.skip=bilinear",  # for the reason in tests/conftest.py
    "--config.model.use_deformable=False",
    "--config.model.use_character_attention=False",
    "--config.data.lr_size=(8, 24)",
    "--config.data.val_split=0.2",
]
OCR = dict(widths=(8, 8, 8, 8), blocks_per_stage=0, transformer_layers=0, heads=1)
ALL = [*GENERATOR, *(f"--config.model.ocr.{key}={value}" for key, value in OCR.items())]
