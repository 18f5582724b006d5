"""The training guide's YAML snippets: each is taken from a file and from the command line."""

import re
from typing import NamedTuple

import pytest
import yaml
from flax.traverse_util import flatten_dict

from lpasrn_jax.commands.training_flags import load_config
from tests.training.guide_config import ROOT, from_file

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # ml_collections loads config files with it

STAGE = "progressive_training.stage4."  # in a file; an override of stage 4's config calls it stage.


class Snippet(NamedTuple):
    """A snippet as the guide prints it, and the keys of stage 4's config that it sets."""

    content: str
    sets: dict


EMBEDDING_LOSS = Snippet(
    """
    # In lp_asrn.yaml
    loss:
      lambda_embed: 0.3        # Target weight (warmed up from 0)
      embedding_dim: 128       # Embedding dimension
      embed_margin: 2.0        # Contrastive margin
    """,
    {"loss.lambda_embed": 0.3, "loss.embedding_dim": 128, "loss.embed_margin": 2.0},
)
DCNV4 = Snippet(
    """
    model:
      use_dcnv4: true          # Prefer DCNv4 if available
    """,
    {"model.use_dcnv4": True},
)
MSCA = Snippet(
    """
    model:
      use_character_attention: true
      msca_scales: [1.0, 0.5, 0.25]
      msca_num_prototypes: 36    # One per character class
    """,
    {"model.use_character_attention": True, "model.msca_scales": (1.0, 0.5, 0.25), "model.msca_num_prototypes": 36},
)
HARD_MINING = Snippet(
    """
    progressive_training:
      stage4:
        name: "hard_mining"
        epochs: 50
        lr: 0.000005
        loss_components: ["l1", "lcofl", "embedding"]
        hard_mining:
          difficulty_alpha: 2.0      # Weight exponent
          reweight_interval: 5       # Re-weight every N epochs
    """,
    {
        "stage.name": "hard_mining",
        "stage.epochs": 50,
        "stage.lr": 5e-6,
        "stage.loss_components": ("l1", "lcofl", "embedding"),
        "stage.hard_mining.difficulty_alpha": 2.0,
        "stage.hard_mining.reweight_interval": 5,
    },
)
CHARACTER_ATTENTION = Snippet(
    """
       model:
         use_character_attention: true
    """,
    {"model.use_character_attention": True},
)
MORE_EMBEDDING_LOSS = Snippet(
    """
       loss:
         lambda_embed: 0.5
    """,
    {"loss.lambda_embed": 0.5},
)
FEWER_SCALES = Snippet(
    """
       model:
         msca_scales: [1.0, 0.5]  # Remove 0.25x
    """,
    {"model.msca_scales": (1.0, 0.5)},
)
LIGHTWEIGHT_EMBEDDER = Snippet(
    """
       loss:
         use_lightweight_embedder: true
    """,
    {"loss.use_lightweight_embedder": True},
)
NO_MSCA = Snippet(
    """
       model:
         use_character_attention: false
    """,
    {"model.use_character_attention": False},
)
RECOMMENDED = Snippet(
    """
    # Optimal settings for word accuracy
    model:
      num_rrdb_blocks: 12
      use_dcnv4: true
      use_character_attention: true

    loss:
      lambda_embed: 0.3
      lambda_layout: 0.5

    progressive_training:
      stage4:
        epochs: 50
    """,
    {
        "model.num_rrdb_blocks": 12,
        "model.use_dcnv4": True,
        "model.use_character_attention": True,
        "loss.lambda_embed": 0.3,
        "loss.lambda_layout": 0.5,
        "stage.epochs": 50,
    },
)
SNIPPETS = {name: value for name, value in globals().items() if isinstance(value, Snippet)}
each_snippet = pytest.mark.parametrize("snippet", SNIPPETS.values(), ids=SNIPPETS)


def from_overrides(tree):
    """The config of stage 4 with `--config.KEY=VALUE` for each key of a snippet; a list is written as Python writes a tuple."""
    overrides = []
    for key, value in leaves(tree):
        key = key.replace(STAGE, "stage.")
        overrides.append(f"--config.{key}={tuple(value) if isinstance(value, list) else value}")
    return load_config(f"{ROOT}/configs/stage4.py", overrides)


def leaves(tree):
    return flatten_dict(tree, sep=".").items()


def values(config, keys):
    flat = flatten_dict(config.to_dict(), sep=".")
    return {key: flat[key] for key in keys}


def otherwise(value):
    """Another value than the guide's, which are mostly the defaults."""
    if isinstance(value, dict):
        return {key: otherwise(item) for key, item in value.items()}
    if isinstance(value, bool):
        return not value
    return value[:-1] if isinstance(value, (list, tuple, str)) else 2 * value


@each_snippet
def test_a_snippet_is_taken_from_a_file(snippet, tmp_path):
    assert values(from_file(tmp_path, snippet.content), snippet.sets) == snippet.sets
    changed = otherwise(yaml.safe_load(snippet.content))
    assert values(from_file(tmp_path, changed), snippet.sets) == otherwise(snippet.sets)


@each_snippet
def test_a_snippet_is_taken_as_overrides(snippet):
    tree = yaml.safe_load(snippet.content)
    assert values(from_overrides(tree), snippet.sets) == snippet.sets
    assert values(from_overrides(otherwise(tree)), snippet.sets) == otherwise(snippet.sets)


@each_snippet
@pytest.mark.parametrize("number", range(4))
def test_the_other_stages_take_what_is_not_stage_4s(snippet, number, tmp_path):
    plain = load_config(f"{ROOT}/configs/stage{number}.py", [])
    config = from_file(tmp_path, otherwise(yaml.safe_load(snippet.content)), number)
    shared = {key: otherwise(value) for key, value in snippet.sets.items() if not key.startswith("stage.")}
    assert values(config, shared) == shared
    assert config.stage.to_dict() == plain.stage.to_dict()


def test_each_key_of_a_snippet_is_looked_at():
    for name, snippet in SNIPPETS.items():
        named = {key.replace(STAGE, "stage.") for key, _ in leaves(yaml.safe_load(snippet.content))}
        assert named == set(snippet.sets), name


@each_snippet
def test_each_key_stands_beside_ours_on_the_page_for_those_who_know_the_guide(snippet):
    keys: set[str] = set()
    for cell in re.findall(r"^\| (`[^|]+) \|", (ROOT / "docs/from-pytorch.md").read_text(), re.MULTILINE):
        parent = ""
        for name in re.findall(r"`([^`]+)`", cell):  # after `a.b.c`, `.d` is `a.b.d`
            name = parent + name if name.startswith(".") else name
            parent = name.rpartition(".")[0]
            keys.add(name)
    assert {key for key, _ in leaves(yaml.safe_load(snippet.content))} <= keys
