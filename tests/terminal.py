"""The scripts as a person types them."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]


def command(script, *arguments):
    return [sys.executable, f"scripts/{script}.py", *map(str, arguments)]


def run(script, *arguments, **options):
    return subprocess.run(command(script, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=300, **options)


def assert_one_line(result, pattern):
    """Exit code 2 and one line on stderr that says what is wrong."""
    assert result.returncode == 2, result.stderr
    assert re.fullmatch(f"error: [^\n]*{pattern}[^\n]*\n", result.stderr), result.stderr
