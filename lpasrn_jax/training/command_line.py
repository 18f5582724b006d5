"""A stage's config from the command line, with what is wrong about it in one line."""

from __future__ import annotations

import re

from absl import flags
from ml_collections import config_flags

from lpasrn_jax.errors import UserError

FLAGS = flags.FLAGS


def define_config() -> None:
    """The flag `--config FILE[:PRESET]`; each key of the config is an override, as in `--config.stage.lr=1e-3`."""
    config_flags.DEFINE_config_file("config", None, "The stage: configs/stage1.py, or configs/stage1.py:quick.")
    flags.mark_flag_as_required("config")


def parse_flags(argv: list[str]) -> list[str]:
    """absl's flags, parsed.

    Raises:
      UserError: for an unknown flag, config file, preset or key, and for a value of the wrong type.
    """
    try:
        remaining = FLAGS(argv)
        FLAGS.config.seed  # noqa: B018  (a file that could not be loaded raises at its first use)
    except (AttributeError, KeyError) as error:  # an override of a key that isn't there
        hint = " ".join(str(error.args[0]).split())  # the key, or: Did you mean "model" instead of "modl"?
        key = re.search(r"(\w+)\W*$", hint).group(1)
        override = next((argument for argument in argv if key in argument), key)
        raise UserError(
            f"{override}: the config has no key {key!r}; configs/base.py and the stage's file list the keys"
        ) from error
    except OSError as error:
        raise UserError(f"--config={_config_argument(argv)}: {_last_line(error)}") from error
    except (flags.Error, TypeError, ValueError) as error:
        raise UserError(_last_line(error).removeprefix("lpasrn_jax.errors.UserError: ")) from error
    return remaining


def _last_line(error: Exception) -> str:
    """What ml_collections says at the end of a report that begins with a traceback."""
    return str(error).strip().splitlines()[-1].strip()


def _config_argument(argv: list[str]) -> str:
    """The last one given, as absl takes it."""
    given = ""
    for argument, following in zip(argv, [*argv[1:], ""], strict=True):
        if argument == "--config":
            given = following
        elif argument.startswith("--config="):
            given = argument.removeprefix("--config=")
    return given
