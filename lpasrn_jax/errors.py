"""The one kind of error that a command shows without a traceback."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

from lpasrn_jax.escape import printable


class UserError(ValueError):
    """A mistake that the person who gave the command can mend.

    The message is one line: what is wrong, where, what was expected, what to do. Commands print it and exit with 2. It often
    holds the name of a file, which may hold a line break: control characters are escaped as `escape.printable` does.
    """

    def __init__(self, message: str):
        super().__init__(printable(message))


FULL_DISK = {number: os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)}


def full_disk(error: BaseException | None) -> str | None:
    """The operating system's words if an error says that no more can be written, by itself or by what caused it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            return FULL_DISK[error.errno]
        for words in FULL_DISK.values():  # all that is left of the number in errors of native code
            if words in str(error):
                return words
        error = error.__cause__ or error.__context__
    return None


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Inside it, a UserError or a full disk ends the process with one line on stderr and exit code 2."""
    try:
        yield
    except UserError as error:
        message = str(error)
    except Exception as error:
        reason = full_disk(error)
        if reason is None:
            raise
        path = getattr(error, "filename", None)
        message = f"{f'{path}: ' if path else ''}{reason}; make room, then give the same command again"
    else:
        return
    print(f"error: {printable(message)}", file=sys.stderr)
    raise SystemExit(2)
