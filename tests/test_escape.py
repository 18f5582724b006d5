"""Texts by other hands can be stored, shown and opened without doing anything."""

import argparse
import pathlib
import runpy
import sys

import pytest

from lpasrn_jax.commands import convert, export, results
from lpasrn_jax.commands import evaluate as evaluate_command
from lpasrn_jax.errors import UserError, one_line_errors
from lpasrn_jax.escape import csv_cell, printable, storable
from lpasrn_jax.training.profiling import StepProfile
from tests.random_bundle import part, random_bundle


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


NAME = "a\x1b[2J"


def flags_of(command, *arguments):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(arguments)


def export_to(ending):
    def run(folder, patch):
        patch("lpasrn_jax.weights.load.load_weights", lambda *_: part(random_bundle(), "generator"))
        patch("lpasrn_jax.weights.export.write_export", lambda *_: 0.0)
        patch("lpasrn_jax.weights.onnx_export.write_onnx", lambda *_: {})
        export.run(flags_of(export, "--out", f"{folder}/{NAME}{ending}"))

    return run


def run_convert(folder, patch):
    patch("lpasrn_jax.weights.torch_import.convert", lambda *_: random_bundle_with_unused())
    convert.run(flags_of(convert, "a.pth", f"{folder}/{NAME}"))


def random_bundle_with_unused():
    bundle = random_bundle()
    bundle.about["unused"] = []
    return bundle


def run_evaluate(*checkpoints):
    def run(folder, patch):
        patch("lpasrn_jax.evaluation.evaluate.evaluate", lambda *_, **__: {})
        patch("lpasrn_jax.evaluation.runs.write_runs", lambda *_: None)
        patch("lpasrn_jax.runtime.enable_compilation_cache", lambda: None)
        evaluate_command.run(
            flags_of(evaluate_command, "--data-root", "a", "--checkpoint", *checkpoints, "--out", f"{folder}/{NAME}")
        )

    return run


def run_results(folder, patch):
    patch("lpasrn_jax.commands.results._held_out_tracks", lambda *_: folder)
    patch("lpasrn_jax.data.lp_tracks.prepare", lambda *_, **__: argparse.Namespace(all=[]))
    patch("lpasrn_jax.evaluation.results.first_plates", lambda *_: [])
    patch("lpasrn_jax.evaluation.results.page", lambda *_, **__: "")
    patch("lpasrn_jax.weights.load.bundled_names", list)
    patch("lpasrn_jax.runtime.enable_compilation_cache", lambda: None)
    results.run(flags_of(results, "--out", f"{folder}/{NAME}.md", "--workdir", f"{folder}/{NAME}"))


def run_inspect_data(folder, patch):
    patch("lpasrn_jax.commands.inspect_data.inspect_data", lambda *_, **__: None)
    patch("lpasrn_jax.commands.training_flags.load_config", lambda *_: None)
    patch("lpasrn_jax.runtime.enable_compilation_cache", lambda: None)
    patch("sys.argv", ["inspect_data.py", "--data-root", "a", "--out", f"{folder}/{NAME}"])
    patch("sys.path", [*sys.path])
    runpy.run_path(str(pathlib.Path(__file__).parents[1] / "scripts/inspect_data.py"))["main"]()


def run_profile(folder, patch):
    patch("jax.profiler.start_trace", lambda *_: None)
    patch("jax.profiler.stop_trace", lambda: None)
    profile = StepProfile(folder / NAME, 0)
    profile.after(10, ())
    profile.close()


@pytest.mark.parametrize("run", [
    export_to(".safetensors"), export_to(".onnx"), export_to(".stablehlo"), run_convert, run_evaluate("b"),
    run_evaluate(NAME, "c"), run_results, run_inspect_data, run_profile,
])  # fmt: skip
def test_what_is_printed_of_a_file_obeys_nothing(run, tmp_path, monkeypatch, capsys):
    run(tmp_path, monkeypatch.setattr)
    out = capsys.readouterr().out
    assert "a\\x1b[2J" in out
    assert "\x1b" not in out
