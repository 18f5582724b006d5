"""A YAML file of the training guide's form, lp_asrn.yaml, as changes to a stage's config."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ml_collections
import yaml

from lpasrn_jax.errors import UserError

PRESET, STAGES = "preset", "progressive_training"
STAGE_NAMES = (*(f"stage{number}" for number in range(5)), "track")  # in the order in which they follow each other
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
TABLES = ("plates.layouts", "plates.kinds")  # sections whose keys the user chooses; if given, they replace the config's section


def update_from_yaml(
    config: ml_collections.ConfigDict, path: str, stage: str, presets: Mapping[str, Callable[[], object]] | None = None
) -> None:
    """Change `config` as the file says: its sections are those of the config, but for `progressive_training.STAGE`, which is the
    section `stage` of that stage of `STAGE_NAMES`, and `preset`, a name in `presets`, whose changes come first.

    Where the file gives the stage before another name, this one starts from that. The sections of the other stages change
    nothing else, and are checked all the same.

    Args:
      config: the stage's.
      path: of the file.
      stage: its name in `STAGE_NAMES`.
      presets: by name, functions that apply to `config` a preset that a file may start from.

    Raises:
      UserError: for a file that can't be read or is not YAML, a key that the config does not have or that occurs twice, and a
        value of another type.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = yaml.load(file, _Loader)
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}); expected a YAML file such as lp_asrn.yaml") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    try:
        sections = dict(_mapping("the file", content))
        stages = _mapping(STAGES, sections.pop(STAGES, None))
        if PRESET in sections:
            _apply_preset(sections.pop(PRESET), presets or {})
        _update("", config, sections, [*_names(config), PRESET, STAGES, *(f"{STAGES}.{name}" for name in STAGE_NAMES)])
        _update_stage(config.stage, stages, stage)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _apply_preset(name: Any, presets: Mapping[str, Callable[[], object]]) -> None:
    if not isinstance(name, str) or name not in presets:
        raise UserError(f"{PRESET} is {name!r}; expected {' or '.join(presets)}, or no such key")
    presets[name]()


def _update_stage(config: ml_collections.ConfigDict, stages: Mapping[str, Any], stage: str) -> None:
    before = dict(zip(STAGE_NAMES[1:], STAGE_NAMES, strict=False)).get(stage)
    for name, section in stages.items():
        where = f"{STAGES}.{name}"
        if name not in STAGE_NAMES:
            raise UserError(f"{where} is unknown; expected {', '.join(STAGE_NAMES)}")
        changed = config.copy_and_resolve_references()
        _update(where, changed, section, list(_names(config, f"{where}.")))
        if name == before and "name" in _mapping(where, section):
            config.after.name = changed.name
    _update(f"{STAGES}.{stage}", config, stages.get(stage), [])


class _Loader(yaml.SafeLoader):
    """Refuses equal keys, of which PyYAML keeps the last: of two sections `model`, as in the guide, one would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", node.value[i][0].start_mark)
        return super().construct_mapping(node, deep)


def _update(where: str, config: ml_collections.ConfigDict, changes: Any, known: Sequence[str]) -> None:
    """`known`: the full names of the keys that the file may have."""
    for key, value in _mapping(where or "the file", changes).items():
        name = f"{where}.{key}" if where else str(key)
        if key not in config:
            raise UserError(f"{name} is unknown; {_advice(where, name, known)}")
        if name in TABLES:
            config[key] = ml_collections.ConfigDict(_table(name, value))
            continue
        if isinstance(config[key], ml_collections.ConfigDict):
            _update(name, config[key], value, known)
            continue
        try:
            config[key] = _converted(value, config[key])
        except (TypeError, ValueError) as error:
            raise UserError(f"{name} is {value!r}; expected {_kind(config[key])}") from error


def _table(where: str, value: Any) -> dict[str, str]:
    """A section of names and texts. YAML reads 0123 as a number and yes as true; in quotes they are texts."""
    for pair in _mapping(where, value).items():
        for part in pair:
            if not isinstance(part, str):
                raise UserError(f"{where} has {part!r}; expected a text: put it in quotes")
    return dict(value or {})


def _converted(value: Any, present: Any) -> Any:
    """A YAML value converted to the type of the config's value: YAML has no tuples, and reads 5e-6, without a point, as text.

    Raises:
      TypeError, ValueError: for a value of another type than `present`.
    """
    if isinstance(present, tuple) and isinstance(value, list):
        return tuple(_converted(item, present[0] if present else "") for item in value)
    if isinstance(present, float) and type(value) in (int, str):
        return float(value)
    if type(value) is not type(present):
        raise TypeError
    return value


def _kind(present: Any) -> str:
    return f"a list such as {list(present)}" if isinstance(present, tuple) else KINDS[type(present)]


def _advice(where: str, name: str, known: Sequence[str]) -> str:
    """The known name with the most similar ending, in any section, or else the names allowed in this section."""
    endings = sorted({other.rpartition(".")[2] for other in known if other != name})
    for ending in difflib.get_close_matches(name.rpartition(".")[2], endings, n=1, cutoff=0.7):
        candidates = [other for other in known if other.rpartition(".")[2] == ending]
        return f"did you mean {difflib.get_close_matches(name, candidates, n=1, cutoff=0.0)[0]}?"
    siblings = [other.rpartition(".")[2] for other in known if other.rpartition(".")[0] == where]
    return f"expected one of {', '.join(siblings)}"


def _names(config: ml_collections.ConfigDict, prefix: str = "") -> Iterator[str]:
    """The full names of a config's sections and keys."""
    for key in config:
        yield f"{prefix}{key}"
        if isinstance(config[key], ml_collections.ConfigDict):
            yield from _names(config[key], f"{prefix}{key}.")


def _mapping(where: str, value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UserError(f"{where} is {value!r}; expected keys and values")
    return value
