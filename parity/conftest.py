"""The table of largest differences in README.md: collected by the tests, written only when PARITY_TABLE=1."""

from __future__ import annotations

import os
import pathlib

import pytest

README = pathlib.Path(__file__).with_name("README.md")
BEGIN, END = "<!-- table: written by the tests -->", "<!-- end of table -->"

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
    if os.environ.get("PARITY_TABLE") == "1":
        lines = ["| compared | " + " | ".join(TOLERANCES) + " |", "|---|" + "---|" * len(TOLERANCES)]
        for what, errors in sorted(rows.items()):
            lines.append(f"| {what} | " + " | ".join(f"{errors[quantity]:.1e}" for quantity in TOLERANCES) + " |")
        lines += ["| *allowed* | " + " | ".join(f"{allowed:.0e}" for allowed in TOLERANCES.values()) + " |"]
        head, rest = README.read_text().split(BEGIN)
        README.write_text(head + "\n".join([BEGIN, "", *lines, "", END]) + rest.split(END)[1])


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
