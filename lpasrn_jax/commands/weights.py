"""The weights that come with the package: lpasrn weights, or lpasrn weights lite for all that the card says

Size, parameters, networks and plates of each; of one, what it was made from and what was measured with it.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lpasrn_jax.escape import printable
from lpasrn_jax.wording import counted

if TYPE_CHECKING:
    from lpasrn_jax.weights.bundle import Bundle

WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "weights", nargs="?", help="a bundled model, a .safetensors file or a checkpoint; all bundled if not given"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line, and nothing else on stdout")


def run(flags: argparse.Namespace) -> None:
    from lpasrn_jax.weights.load import bundled_names, load_weights

    for name in [flags.weights] if flags.weights else bundled_names():
        described = describe(name, load_weights(name))
        if flags.json:
            print(json.dumps(described))
            continue
        print("\n".join(_lines(described, whole=bool(flags.weights))))


def describe(name: str, bundle: Bundle) -> dict[str, Any]:
    """What can be said of weights without running them, JSON-ready; `about` is the card's, `megabytes` the size of the file, or
    of a checkpoint's parameters."""
    import jax

    from lpasrn_jax.models.plate_model import NETWORKS
    from lpasrn_jax.weights.load import bundle_path

    path = bundle_path(name)
    size = path.stat().st_size if path else sum(leaf.nbytes for leaf in jax.tree.leaves(bundle.params))
    leaves = {network: jax.tree.leaves(bundle.params[network]) for network in NETWORKS if network in bundle.params}
    height, width = bundle.model.lr_size
    return {
        "name": name,
        "megabytes": round(size / 1e6, 2),
        "parameters": {network: sum(leaf.size for leaf in of) for network, of in leaves.items()},
        "plates": dict(bundle.model.plate_format.layouts),
        "lr_size": [height, width],
        "scale": bundle.model.scale,
        "stages": list(bundle.config.get("lineage", [])),
        "about": bundle.about,
    }


def _lines(described: dict[str, Any], whole: bool) -> Iterator[str]:
    networks = ", ".join(f"{name} {count:,}" for name, count in described["parameters"].items())
    plates = ", ".join(f"{name} {pattern}" for name, pattern in described["plates"].items())
    height, width = described["lr_size"]
    yield printable(f"{described['name']}  {described['megabytes']:.1f} MB")
    yield printable(f"  parameters: {networks}")
    yield printable(f"  plates: {plates}; LR images of {width} x {height} pixels, made {described['scale']} times as large")
    about = dict(described["about"])
    note, results = about.pop("note", ""), about.get("results")
    if results:
        yield printable(f"  {_summary(results)}")
    if whole:
        if described["stages"]:
            yield printable(f"  {counted(len(described['stages']), 'stage')}: {', '.join(described['stages'])}")
        yield from (f"  {line}" for line in _facts(about))
    yield from (f"  {line}" for line in textwrap.wrap(printable(note), WIDTH))


def _summary(results: dict[str, Any]) -> str:
    """The line of a card's results that helps to choose."""
    figures = results["figures"]
    (hr, *_), read = figures["plates wholly right, one image by the OCR"]["hr"], figures["plates wholly right, as read"]
    right = ", ".join(f"{value:.0%} from {counted(int(name.split()[0]), 'frame')}" for name, value in read.items())
    times = ", ".join(f"{call} {value:.0f} ms" for call, value in results["milliseconds"].items())
    return f"reads {hr:.0%} of HR, {right} ({results['data']}); {times} ({results['device']})"


def _facts(facts: dict[str, Any]) -> Iterator[str]:
    """What the card says, nested as it is."""
    for name, value in facts.items():
        if isinstance(value, dict):
            yield printable(f"{name}:")
            yield from (f"  {line}" for line in _facts(value))
        else:
            yield printable(f"{name}: {f'{value:.4g}' if isinstance(value, float) else value}")
