"""The tables of largest differences in README.md: collected by the tests, written only when PARITY_TABLE=1."""

from __future__ import annotations

import os
import pathlib

import pytest

from dcnv4_jax import golden

README = pathlib.Path(__file__).with_name("README.md")

TOLERANCES = {
    "output": 2e-5,  # a step between two of 256 grey values is 8e-3
    "intermediate": 1e-4,  # float32 sums of up to 1,440 products, taken in another order
    "input gradient": 1e-3,
    "parameter gradient": 1e-3,
}


@pytest.fixture(scope="session")
def error_table():
    rows: dict[str, dict[str, float]] = {}
    yield rows
    lines = [
        f"| {what} | " + " | ".join(f"{errors[quantity]:.1e}" for quantity in TOLERANCES) + " |"
        for what, errors in sorted(rows.items())
    ]
    lines += ["| *allowed* | " + " | ".join(f"{allowed:.0e}" for allowed in TOLERANCES.values()) + " |"]
    _write_table("networks", ["compared", *TOLERANCES], lines)


@pytest.fixture(scope="session")
def golden_table():
    """Errors of each (case, implementation), by result."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    yield rows
    implementations = list(dict.fromkeys(name for _, name in rows))
    lines = []
    for case in dict.fromkeys(case for case, _ in rows):
        cells = [" / ".join(f"{rows[case, name][result]:.1e}" for result in golden.RESULTS) for name in implementations]
        lines.append(f"| {case} | " + " | ".join(cells) + " |")
    _write_table("official arrays", ["case", *implementations], lines)


def _write_table(name: str, columns: list[str], lines: list[str]) -> None:
    if os.environ.get("PARITY_TABLE") != "1":
        return
    begin, end = f"<!-- table of {name}: written by the tests -->", f"<!-- end of the table of {name} -->"
    head, rest = README.read_text().split(begin)
    header = ["| " + " | ".join(columns) + " |", "|---|" + "---|" * (len(columns) - 1)]
    README.write_text(head + "\n".join([begin, "", *header, *lines, "", end]) + rest.split(end)[1])


@pytest.fixture
def check(error_table):
    """Checks an `Errors` against the tolerances and notes it for the table."""

    def check_errors(what, errors):
        measured = {
            "output": {"output": errors.output},
            "intermediate": errors.intermediates,
            "input gradient": {"input": errors.input_gradient},
            "parameter gradient": errors.parameter_gradients,
        }
        error_table[what] = {quantity: max(values.values()) for quantity, values in measured.items()}
        for quantity, values in measured.items():
            worst = {name: value for name, value in values.items() if not value <= TOLERANCES[quantity]}
            assert not worst, f"{what}, {quantity}: {worst}"

    return check_errors
