"""What the card of a model may say: types, ranges, and sizes that a machine can hold.

Weights come from other people, and from disks that fail, so this is checked before anything is built from a card.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from lpasrn_jax.errors import UserError
from lpasrn_jax.models.deform import IMPLEMENTATION_NAMES
from lpasrn_jax.models.generator import SCALES, SKIPS, Generator
from lpasrn_jax.models.plate_model import NETWORKS
from lpasrn_jax.plates import PlateFormat

MAX_CARD_BYTES = 2**20
MAX_LR_PIXELS = 2**14  # 128 x 128: images are enhanced at up to 8 times that, when a layer of 64 channels takes 270 MB


class Rule(NamedTuple):
    """expected: what errors say should be there. holds: whether a value is so."""

    expected: str
    holds: Callable[[Any], bool]


Rules = Mapping[str, Rule]


def whole(low: int, high: int, step: int = 1) -> Rule:
    expected = f"a whole number from {low} to {high}{f', a multiple of {step}' if step > 1 else ''}"
    return Rule(expected, lambda value: _is_whole(value) and low <= value <= high and value % step == 0)


def number(low: float, high: float) -> Rule:
    return Rule(f"a number from {low:g} to {high:g}", lambda value: _is_number(value) and low <= value <= high)


def one_of(*values: Any) -> Rule:
    return Rule(f"one of {', '.join(map(str, values))}", lambda value: isinstance(value, str | int) and value in values)


def text(longest: int) -> Rule:
    return Rule(f"a text of at most {longest} characters", lambda value: isinstance(value, str) and len(value) <= longest)


def items(rule: Rule, fewest: int, most: int) -> Rule:
    count = f"{fewest}" if fewest == most else f"{fewest} to {most}"

    def holds(value: Any) -> bool:
        return isinstance(value, list | tuple) and fewest <= len(value) <= most and all(map(rule.holds, value))

    return Rule(f"a list of {count} items, each {rule.expected}", holds)


YES_OR_NO = Rule("true or false", lambda value: isinstance(value, bool))

GENERATOR = {
    "features": whole(4, 512, step=4),
    "num_rrdb_blocks": whole(0, 64),
    "growth": whole(1, 512),
    "dense_layers": whole(0, 16),
    "scale": one_of(*SCALES),
    "skip": one_of(*SKIPS),
    "light_sigma": number(0, 16),
    "median_limit": number(0, 255),
    "use_deformable": YES_OR_NO,
    "use_dcnv4": YES_OR_NO,
    "deform_groups": whole(1, 64),
    "fusion_details": whole(0, 64),
    "deform_implementation": one_of(*IMPLEMENTATION_NAMES),
    "deform_center_offset": whole(-8, 8),
    "use_character_attention": YES_OR_NO,
    "msca_scales": items(number(1 / 64, 1), 0, 8),
    "msca_num_prototypes": whole(0, 1024),
    "msca_prototype_guidance": YES_OR_NO,
    "dtype": one_of("float32", "bfloat16", "float16"),
    "remat": YES_OR_NO,
}
OCR = {
    "widths": items(whole(8, 2048, step=8), 4, 4),
    "blocks_per_stage": whole(0, 16),
    "transformer_layers": whole(0, 32),
    "heads": whole(1, 64),
}
EMBEDDER = {"embedding_dim": whole(1, 4096), "use_lightweight_embedder": YES_OR_NO}
DATA = {"lr_size": items(whole(4, 1024), 2, 2)}
PLATES = {
    "alphabet": text(1024),
    "layouts": Rule(
        "an object of at most 256 layouts, each a name that can be printed and a pattern of at most 32 slots",
        lambda value: isinstance(value, Mapping) and len(value) <= 256 and all(map(_is_layout, value.items())),
    ),
    "kinds": Rule(
        "an object of at most 26 kinds of slot, each a letter and its characters",
        lambda value: isinstance(value, Mapping) and len(value) <= 26 and all(map(text(1024).holds, (*value, *value.values()))),
    ),
}
RESULTS = Rule(  # what `lpasrn results` writes
    "an object of at most 10000 characters as JSON",
    lambda value: isinstance(value, Mapping) and _json_length(value) <= 10_000,
)
ABOUT = {
    "step": whole(0, 2**60),
    "temperature": Rule(
        "a number above 0 and at most 1000", lambda value: _is_number(value) and 0 < value <= 1000 and math.isfinite(1 / value)
    ),
    "frame_correlation": number(0, 1),
    "calibrated": YES_OR_NO,  # false where a calibration was tried and failed
    "note": text(10_000),
    "source": text(10_000),
    "results": RESULTS,
    "unused": items(text(1000), 0, 10_000),
}


def check_card(card: str, config: Any, about: Any, networks: Collection[str]) -> None:
    """Checks what a model's card says, so that a `PlateModel` of the networks can be made from it.

    Args:
      card: the file, for messages.
      config: sections `model`, `plates`, `data` and, for an embedder, `loss` of the config that made the weights; others may hold
        anything.
      about: what else a user should know.
      networks: the networks that the weights are of.

    Raises:
      UserError: naming the first network that is unknown, section or field that is missing, or field that is of another type, out
        of range or, in `model` and `plates`, unknown.
    """
    unknown = sorted({*networks} - {*NETWORKS})
    if unknown:
        raise UserError(f"{card}: weights of {unknown[0]!r} found; expected some of {', '.join(NETWORKS)}; update lpasrn_jax")
    if "fusion" in networks and "generator" not in networks:
        raise UserError(f"{card}: weights of a fusion found; expected those of the generator whose frames it merges beside them")
    if "plate_check" in networks and "ocr" not in networks:
        raise UserError(f"{card}: weights of a plate_check found; expected those of the ocr that it belongs to beside them")
    config, about = _section(card, "config", config), _section(card, "about", about)
    check_model(card, _section(card, "model", config.get("model")), networks)
    plates = _section(card, "plates", config.get("plates"))
    _check_fields(card, "plates", plates, PLATES, required=("alphabet", "layouts"), only_these=True)
    try:
        PlateFormat.create(**plates)
    except ValueError as error:
        raise UserError(f"{card}: {error}") from error
    data = _section(card, "data", config.get("data"))
    _check_fields(card, "data", data, DATA, required=DATA)
    if math.prod(data["lr_size"]) > MAX_LR_PIXELS:
        raise UserError(f"{card}: data.lr_size is {data['lr_size']}; expected at most {MAX_LR_PIXELS} pixels in all")
    if "embedder" in networks:
        _check_fields(card, "loss", _section(card, "loss", config.get("loss")), EMBEDDER, required=EMBEDDER)
    _check_fields(card, "config", config, {"lineage": items(text(100), 0, 100)})
    _check_fields(card, "about", about, ABOUT)


def check_model(card: str, model: Mapping[str, Any], networks: Collection[str]) -> None:
    """Checks a section `model`; arguments and errors are those of `check_card`."""
    generator = {name: value for name, value in model.items() if name != "ocr"}
    of_fusion = ("deform_groups", "deform_implementation") if "fusion" in networks else ()
    _check_fields(card, "model", generator, GENERATOR, required=("scale", "dtype", *of_fusion), only_these=True)
    features, groups, *grouped = (
        generator.get(name, getattr(Generator, name)) for name in ("features", "deform_groups", "use_deformable", "use_dcnv4")
    )
    if ("fusion" in networks or all(grouped)) and features % groups:
        raise UserError(f"{card}: model.deform_groups is {groups}; expected a divisor of model.features, which is {features}")
    if "ocr" in networks or "ocr" in model:
        ocr = _section(card, "model.ocr", model.get("ocr"))
        _check_fields(card, "model.ocr", ocr, OCR, required=OCR, only_these=True)
        if ocr["widths"][-1] % ocr["heads"]:
            raise UserError(f"{card}: model.ocr.heads is {ocr['heads']}; expected a divisor of the last of {ocr['widths']}")


def _section(card: str, name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        kind = "missing" if value is None else f"a {type(value).__name__}"
        raise UserError(f"{card}: {name} is {kind}; expected an object; convert or download the model again")
    return value


def _check_fields(
    card: str, section: str, values: Mapping[str, Any], rules: Rules, *, required: Collection[str] = (), only_these: bool = False
) -> None:
    for name in required:
        if name not in values:
            raise UserError(f"{card}: {section}.{name} is missing; expected {rules[name].expected}")
    for name, value in values.items():
        if name in rules and not rules[name].holds(value):
            raise UserError(f"{card}: {section}.{name} is {reprlib.repr(value)}; expected {rules[name].expected}")
        if name not in rules and only_these:
            raise UserError(f"{card}: {section}.{name} is unknown; update lpasrn_jax, or convert or download the model again")


def _is_layout(item: tuple[Any, Any]) -> bool:
    name, pattern = item
    return text(100).holds(name) and name.isprintable() and text(32).holds(pattern)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _json_length(value: Any) -> float:
    try:
        return len(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return math.inf


def _is_number(value: Any) -> bool:
    return _is_whole(value) or isinstance(value, float)
