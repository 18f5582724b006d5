"""The command `lpasrn`: which subcommands there are, and how one is run.

A subcommand is a module with `add_arguments(parser)` and `run(flags)`, which returns the exit code, None for 0. Its docstring is
its help. It imports what is heavy in `run`, so that help and mistakes appear at once and reading needs no training package.

Exit codes: 0 all is done; 1 some of the input could not be used; 2 the command is wrong; 3 some image is not read (`read`).
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

import lpasrn_jax
from lpasrn_jax.errors import UserError, one_line_errors
from lpasrn_jax.signals import raise_on_signals

STOPPED = 130  # as a shell has it for a command that Ctrl-C has ended


class Command(NamedTuple):
    """module: where it is. summary: for the list of commands. extra: of pyproject.toml, whose packages it needs."""

    module: str
    summary: str
    extra: str = ""


COMMANDS = {
    "read": Command("lpasrn_jax.commands.read", "read plates in images, tracks and videos"),
    "enhance": Command("lpasrn_jax.commands.enhance", "write enhanced images and what is read in them"),
    "serve": Command("lpasrn_jax.serve.command", "a local web page that enhances and reads", "serve"),
    "evaluate": Command("lpasrn_jax.commands.evaluate", "evaluate weights on labelled tracks", "train"),
    "results": Command("lpasrn_jax.commands.results", "measure the bundled weights, or your own, and write the page", "train"),
    "export": Command("lpasrn_jax.commands.export", "weights or a program in one file"),
    "convert": Command("lpasrn_jax.commands.convert", "weights of the PyTorch original"),
    "make-tracks": Command("lpasrn_jax.commands.make_tracks", "synthetic tracks, or tracks from photographs"),
    "bench": Command("lpasrn_jax.commands.bench", "time to read and enhance plates on this machine"),
    "weights": Command("lpasrn_jax.commands.weights", "the weights that come with the package"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """`lpasrn COMMAND ...`: runs it and exits with its code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(
        prog="lpasrn", description="Make licence plates legible and read them.", formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"lpasrn {lpasrn_jax.__version__}")
    summaries = "\n".join(f"{name:12} {command.summary}" for name, command in COMMANDS.items())
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=f"{summaries}\n`lpasrn COMMAND --help` explains one")
    flags = parser.parse_args(arguments[:1])
    run_command(flags.command, arguments[1:])


def run_command(name: str, arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs one command and exits with its code.

    Args:
      name: in `COMMANDS`.
      arguments: what follows the name; the process's own if not given.
      prog: what its help calls it.
    """
    command = COMMANDS[name]
    with raise_on_signals(), one_line_errors():
        try:
            module = importlib.import_module(command.module)
            parser = argparse.ArgumentParser(
                prog=prog or f"lpasrn {name}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
            )
            module.add_arguments(parser)
            code = module.run(parser.parse_args(arguments))
            sys.stdout.flush()
        except ModuleNotFoundError as error:
            raise UserError(_missing(name, command, error)) from error
        except BrokenPipeError:  # of `lpasrn read ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again as it ends
            code = 1
        except KeyboardInterrupt:
            code = STOPPED
    raise SystemExit(code or 0)


def _missing(name: str, command: Command, error: ModuleNotFoundError) -> str:
    package = "lpasrn-jax" + (f"[{command.extra}]" if command.extra else "")
    return f"lpasrn {name}: {error.name} is not installed; pip install '{package}'"
