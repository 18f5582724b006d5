"""Texts by other hands can be stored, shown and opened without doing anything."""

import pytest

from lpasrn_jax.errors import UserError, one_line_errors
from lpasrn_jax.escape import csv_cell, printable, storable


@pytest.mark.parametrize(("text", "shown"), [
    ("plate ü 車牌 \U0001f697", "plate ü 車牌 \U0001f697"),
    ("a\nb\tc\x1b[2Jd\x7f\x9b", "a\\nb\\tc\\x1b[2Jd\\x7f\\x9b"),
    ("invoice\u202egnp.exe", "invoice\\u202egnp.exe"),  # shown from right to left, it ends in "exe.png"
    ("\u2028line", "\\u2028line"),
    (b"a\xff.png".decode("utf-8", "surrogateescape"), "a\\xff.png"),
    ("\ud800", "\\ud800"),
])  # fmt: skip
def test_a_terminal_shows_one_line_and_obeys_nothing(text, shown):
    assert printable(text) == shown


def test_what_is_stored_changes_only_where_it_could_not_be():
    assert storable("a\nb") == "a\nb"
    storable("\udcff\ud800").encode()


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_a_formula_is_no_cell(formula):
    assert csv_cell(formula) == "'" + printable(formula)


@pytest.mark.parametrize("text", ["ABC1D23", "a=1", "'=1", ""])
def test_other_cells_stay(text):
    assert csv_cell(text) == text


def test_an_error_is_one_line_on_the_terminal(capsys):
    with pytest.raises(SystemExit), one_line_errors():
        raise UserError("a\x1b[2J\nb.png is missing")
    assert capsys.readouterr().err == "error: a\\x1b[2J\\nb.png is missing\n"


def test_the_message_of_an_error_is_one_line_whatever_a_file_is_called():
    assert str(UserError("a\nb\x1b[2J.png: is no image")) == "a\\nb\\x1b[2J.png: is no image"
