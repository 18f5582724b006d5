"""The one kind of error that a command shows without a traceback."""

from __future__ import annotations

import contextlib
import sys

from lpasrn_jax.escape import printable


class UserError(ValueError):
    """A mistake that the person who gave the command can mend.

    The message is one line: what was found, where, what was expected, what to do. Commands print it and exit with 2.
    """


@contextlib.contextmanager
def one_line_errors():
    """Inside it, a UserError ends the process with its message on stderr and exit code 2."""
    try:
        yield
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None
