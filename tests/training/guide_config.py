"""A config of the guide's YAML form, from a file as its users write it."""

import pathlib

import yaml

from lpasrn_jax.commands.training_flags import load_config

ROOT = pathlib.Path(__file__).parents[2]


def from_file(folder, tree, number=4):
    """The config of `configs/stageN.py:FILE.yaml`; the tree is a snippet's content, or as PyYAML gives it."""
    file = folder / "lp_asrn.yaml"
    file.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree))
    return load_config(f"{ROOT}/configs/stage{number}.py:{file}", [])
