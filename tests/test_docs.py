"""README and docs/: links lead somewhere, and every command that they print is one that the programs accept.

Options of commands are looked up here, also of those that a sentence only mentions; tests/test_documented_commands.py runs them.
"""

import argparse
import importlib
import pathlib
import re
import shlex

import pytest
import yaml

from lpasrn_jax.commands.main import COMMANDS
from lpasrn_jax.weights.load import bundled_names
from tests.documented import PAGES, ROOT, block_lines, inline_code

NAMES = {"convert_torch": "convert", "make_tracks": "make-tracks"}  # scripts that are called otherwise as a command
OTHERS = {"inspect_data", "train", "train_progressive", "make_examples"}  # scripts that are no command


def commands() -> list[tuple[str, str]]:
    found = [(page.name, line) for page in PAGES for line in block_lines(page) + inline_code(page)]
    return [(name, line) for name, line in found if re.match(r"(python scripts/|lpasrn )", line)]


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_is_accepted(page, line):
    words = [word for word in shlex.split(line, comments=True) if word != "..."]
    if words[0] == "python":
        script = pathlib.Path(words[1])
        assert (ROOT / script).is_file()
        name, arguments = NAMES.get(script.stem, script.stem), words[2:]
    else:
        name, arguments = words[1], words[2:]
    if name in OTHERS or name not in COMMANDS:
        assert name in OTHERS or name.startswith(("-", "COMMAND")), name
        return
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(COMMANDS[name].module).add_arguments(parser)
    known = {option for action in parser._actions for option in action.option_strings}
    options = {word.partition("=")[0] for word in arguments if word.startswith("-") and not word[1:2].isdigit()}
    assert options <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_an_override_is_a_key_of_the_config(page):
    from configs import stage4

    config = stage4.get_config()
    for key in re.findall(r"--config\.([\w.]+)=", page.read_text()):
        if key.startswith(("plates.layouts.", "plates.kinds.")):  # whose names are the user's
            continue
        value = config
        for part in key.split("."):
            assert part in value, f"{key} in {page.name}"
            value = value[part]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_the_citation_is_one():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "version"} <= citation.keys()


def test_the_api_reference_is_what_the_docstrings_say():
    pytest.importorskip("griffe")
    from docs import api_reference

    assert (ROOT / "docs/api.md").read_text() == api_reference.page(), "write it anew with `make api`"


def test_the_model_card_has_the_figures_of_the_bundled_weights():
    from docs import model_card

    assert model_card.PAGE.read_text() == model_card.page(), "write it anew with `make card`"
    assert model_card.results().keys() == {*bundled_names()}
    for result in model_card.results().values():
        fused = result["figures"]["psnr over bicubic"]["fused"]
        assert "{:+.2f} [{:+.2f}, {:+.2f}]".format(*fused) in model_card.PAGE.read_text()
