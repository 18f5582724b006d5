"""Messages count in correct English: `1 plate`, `2 plates`."""

import ast
import pathlib
import re

import pytest

from lpasrn_jax.wording import counted

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = [*ROOT.glob("lpasrn_jax/**/*.py"), *ROOT.glob("scripts/*.py"), *ROOT.glob("configs/**/*.py")]
# Their number is never 1, or what stands before them is no number, as in "LR frames".
EXCEPTIONS = {
    "MANY images",
    "FRAMES frames",
    "MAX_FRAMES frames",
    "kind.upper() frames",
    "longest characters",
    "limits.images images",
    "len(images) images",
    "count characters",
    "len(places) tracks",
    "len(plates) plates",
}


@pytest.mark.parametrize(("number", "text"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames")])
def test_one_thing_is_singular(number, text):
    assert counted(number, "frame") == text


def numbers_before(nouns: set[str], source: str) -> set[str]:
    """Each `{expression} nouns` in the f-strings of a source, as `expression nouns`."""
    found = set()
    for text in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr)):
        for value, after in zip(text.values, text.values[1:], strict=False):
            if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant):
                noun = re.match(r" (\w+)\b(?! x )", after.value)
                if noun and noun[1] in nouns:
                    found.add(f"{ast.unparse(value.value)} {noun[1]}")
    return found


def test_such_a_string_is_found():
    assert numbers_before({"frames"}, "f'{a} of {len(b)} frames, {c} tracks'") == {"len(b) frames"}


def test_what_may_be_one_is_counted():
    nouns = {"frames", "tracks", "plates", "characters", "epochs", "images", "stages", "photographs"}
    assert set().union(*(numbers_before(nouns, path.read_text()) for path in SOURCES)) == EXCEPTIONS
