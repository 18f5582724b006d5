"""The table of quality in MODEL_CARD.md, from the bundled weights' cards: `python docs/model_card.py`, or `make card`."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]
PAGE = ROOT / "MODEL_CARD.md"
BUNDLED = ROOT / "lpasrn_jax/weights/bundled"
BEGIN, END = "<!-- table of quality: written by `make card` -->", "<!-- end of the table of quality -->"
KINDS = {"sr": "SR", "fused": "fused", "bicubic": "bicubic", "hr": "HR"}


def page() -> str:
    """MODEL_CARD.md with the table as the cards have it."""
    head, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{head}{BEGIN}\n\n{table(results())}\n\n{END}{rest.partition(END)[2]}"


def results() -> dict[str, Mapping[str, Any]]:
    """What was measured of each bundled model, by name, where its card says so."""
    abouts = {path.stem: json.loads(path.read_text())["about"] for path in sorted(BUNDLED.glob("*.json"))}
    return {name: about["results"] for name, about in abouts.items() if "results" in about}


def table(by_name: Mapping[str, Mapping[str, Any]]) -> str:
    """A Markdown table, one column per model, and the data and device below it."""
    columns = {name: dict(rows(result)) for name, result in by_name.items()}
    labels = list(dict.fromkeys(label for column in columns.values() for label in column))
    lines = [f"| | {' | '.join(f'`{name}`' for name in columns)} |", f"|---{'|---' * len(columns)}|"]
    lines += [f"| {label} | {' | '.join(column.get(label, '-') for column in columns.values())} |" for label in labels]
    data, devices = ({result[key] for result in by_name.values()} for key in ("data", "device"))
    return "\n".join([*lines, "", f"Measured on {'; '.join(sorted(data))}; times on {'; '.join(sorted(devices))}."])


def rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and figure of each row, the figure with its 95 % interval where it has one."""
    figures = result["figures"]
    found = []
    for metric, label, form in (
        ("psnr over bicubic", "PSNR over bicubic, dB", "+.2f"),
        ("ssim over bicubic", "SSIM over bicubic", "+.3f"),
        ("plates wholly right, one image by the OCR", "plates wholly right in one image", ".1%"),
    ):
        for kind, (value, low, high) in figures[metric].items():
            found.append((f"{label}, {KINDS[kind]}", f"{value:{form}} [{low:{form}}, {high:{form}}]"))
    for metric, label, form in (
        ("plates wholly right, as read", "plates wholly right, as read", ".1%"),
        ("calibration error", "calibration error of the confidence", ".3f"),
    ):
        for frames, value in figures[metric].items():
            found.append((f"{label}, {frames.partition(' ')[0]} of a track's frames", f"{value:{form}}"))
    found += [
        (f"tracks wholly right, {group}", f"{value:.0%}") for group, value in figures["tracks wholly right by group"].items()
    ]
    return found + [(f"`{call}`, ms", f"{value:.0f}") for call, value in result["milliseconds"].items()]


if __name__ == "__main__":
    PAGE.write_text(page())
