"""A stage's config and a run's flags from the command line, with what is wrong about them in one line."""

from __future__ import annotations

import contextlib
import pathlib
import re
import shlex
import sys
from collections.abc import Sequence

import ml_collections
from absl import flags, logging
from flax.traverse_util import flatten_dict
from ml_collections import config_flags

from lpasrn_jax import runtime
from lpasrn_jax.errors import UserError

FLAGS = flags.FLAGS
OVERRIDE = re.compile(r"--?(no)?config\.([\w.]+)")
TABLE_OVERRIDE = re.compile(r"--?config\.(plates\.(?:layouts|kinds))\.([^=]+)(?:=(.*))?")  # of keys that are the user's own


def define_config(values: flags.FlagValues = FLAGS, argv: list[str] | None = None) -> None:
    """The flag `--config FILE[:PRESET]`; each key of the config is an override, as in `--config.stage.lr=1e-3`.

    Layouts and kinds of slot go by their own names, `--config.plates.layouts.German=LLNNNN`; they replace those of the config.

    Args:
      values: where it is defined.
      argv: what will be parsed: ml_collections looks there for overrides before it parses; None for the process's own.
    """
    config_flags.DEFINE_config_file(
        "config",
        None,
        "The stage: configs/stage1.py, configs/stage1.py:quick or configs/stage1.py:FILE.yaml.",
        flag_values=values,
        sys_argv=_split_tables(sys.argv if argv is None else argv)[0],
    )
    flags.mark_flag_as_required("config", flag_values=values)


def define_run(workdir: str | None = None) -> None:
    """The flags of a training run; `--workdir` must be given where there is no default."""
    flags.DEFINE_string("workdir", workdir, "Folder of the run: checkpoints, events, the best model.")
    flags.DEFINE_bool("tensorboard", True, "Show the run in TensorBoard while it lasts.")
    flags.DEFINE_string("tensorboard_host", "localhost", "Who may open it: 0.0.0.0 is everybody who reaches this machine.")
    flags.DEFINE_integer("tensorboard_port", 6007, "Its port; the next free one if that is taken.")
    flags.DEFINE_bool("profile", False, "Write a trace of ten steps into the stage's folder.")
    flags.DEFINE_bool("keys", False, "Print every key of the config with its value, and end.")
    flags.DEFINE_integer("stopped_code", 0, "Exit code of a run that is told to stop before its end; clusters start it again.")
    flags.DEFINE_string("coordinator", "", "host:port of process 0 of a job; Slurm and Kubernetes need no flag.")
    flags.DEFINE_integer("num_processes", 0, "Number of processes of the job, with --coordinator.")
    flags.DEFINE_integer("process_id", -1, "This process's number in the job, with --coordinator.")
    if workdir is None:
        flags.mark_flag_as_required("workdir")


@contextlib.contextmanager
def started_run():
    """Set the process up and join its job; while the context is open, TensorBoard shows the run, all of its stages."""
    runtime.restart_with_tuned_malloc()
    logging.set_verbosity(logging.WARNING)  # the metrics are in the progress bar and in TensorBoard
    runtime.initialize_distributed(FLAGS.coordinator, FLAGS.num_processes, FLAGS.process_id)
    runtime.enable_compilation_cache()
    from lpasrn_jax.training.tensorboard import tensorboard  # takes seconds: a mistake in the command is told before

    with contextlib.ExitStack() as beside:
        if FLAGS.tensorboard and runtime.is_first_process():
            beside.enter_context(tensorboard(pathlib.Path(FLAGS.workdir), FLAGS.tensorboard_port, FLAGS.tensorboard_host))
        yield


def print_keys(config: ml_collections.ConfigDict) -> None:
    """Every key of a config as the override that leaves it as it is."""
    for key, value in sorted(flatten_dict(config.to_dict(), sep=".").items()):
        print(shlex.quote(f"--config.{key}={value}"))


def ended(finished: bool, config: ml_collections.ConfigDict) -> int:
    """Say which command comes next; the process's exit code.

    Args:
      finished: whether all that was asked for is done.
      config: of the last stage.
    """
    if runtime.is_first_process():
        print(
            f"next: {following_command(sys.argv, FLAGS.workdir, config.data.root)}" if finished else "the same command continues"
        )
    return 0 if finished else FLAGS.stopped_code


def following_command(argv: Sequence[str], workdir: str, root: str) -> str:
    """The command that comes after one that trained a stage, which is that of the next stage, or after the last: the evaluation.

    Args:
      argv: the process's own.
      workdir: the run's folder.
      root: of its tracks.
    """
    given = shlex.join(["python", *argv])
    following = re.sub(r"(?<=--stage[= ])[0-3]\b|(?<=/stage)[0-3](?=\.py)", lambda match: str(int(match[0]) + 1), given, count=1)
    if following != given:
        return following
    evaluation = ["--checkpoint", f"{workdir}/best", "--data-root", root, "--split=val"]
    return shlex.join(["python", "scripts/evaluate.py", *evaluation])


def parse_flags(argv: Sequence[str]) -> list[str]:
    """absl's flags, parsed; returns the program's name.

    Raises:
      UserError: for an unknown flag, config file, preset or key, a value of the wrong type, and what is no flag.
    """
    return _parse(FLAGS, argv)


def split_overrides(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments that are not overrides of a config, and those that are, each with its value if that stands apart."""
    parts: tuple[list[str], list[str]] = [], []
    is_override = False
    for argument in argv:
        if argument.startswith("-"):
            is_override = OVERRIDE.match(argument) is not None
        parts[is_override].append(argument)
    return parts


def load_config(file: str, overrides: Sequence[str]) -> ml_collections.ConfigDict:
    """The config of `FILE[:PRESET]` with overrides such as `--config.stage.lr=1e-3`.

    Raises:
      UserError: as `parse_flags`.
    """
    values, argv = flags.FlagValues(), ["", f"--config={file}", *overrides]
    define_config(values, argv)
    _parse(values, argv)
    return values.config


def _parse(values: flags.FlagValues, argv: Sequence[str]) -> list[str]:
    argv, tables = _split_tables(argv)
    with _one_line(argv):
        remaining = values(argv)
        if "config" in values:
            values.config.seed  # noqa: B018  (a file that could not be loaded raises at its first use)
            for section, entries in tables.items():
                values.config.update_from_flattened_dict({section: ml_collections.ConfigDict(entries)})
    if remaining[1:]:
        raise UserError(f"{remaining[1]!r} is no flag; expected arguments such as --config.stage.lr=1e-3")
    return remaining


def _split_tables(argv: Sequence[str]) -> tuple[list[str], dict[str, dict[str, str]]]:
    """The arguments that ml_collections can take, and the entries of the sections whose keys are the user's own."""
    rest, tables = [], {}
    arguments = iter(argv)
    for argument in arguments:
        override = TABLE_OVERRIDE.fullmatch(argument)
        if override is None:
            rest.append(argument)
        else:
            section, name, value = override.groups()
            tables.setdefault(section, {})[name] = next(arguments, "") if value is None else value
    return rest, tables


@contextlib.contextmanager
def _one_line(argv: Sequence[str]):
    """Inside it, what absl and ml_collections say of an argument becomes a UserError."""
    try:
        yield
    except SystemExit:  # absl has printed the help that was asked for, and would exit with 1
        raise SystemExit(0) from None
    except (AttributeError, KeyError) as error:  # an override of a key that isn't there
        hint = " ".join(str(error.args[0]).split())  # the key, or: Did you mean "model" instead of "modl"?
        key, meant = re.search(r"(\w+)\W*$", hint)[1], re.search(r'Did you mean "(\w+)"', hint)
        override = next((argument for argument in argv if key in _path(argument)), key)
        advice = f"did you mean {meant[1]!r}?" if meant else "configs/base.py and the stage's file list the keys"
        raise UserError(f"{override}: the config has no key {key!r}; {advice}") from error
    except OSError as error:
        raise UserError(f"--config={_config_argument(argv)}: {_last_line(error)}") from error
    except (flags.Error, TypeError, ValueError) as error:
        raise UserError(_last_line(error).removeprefix("lpasrn_jax.errors.UserError: ")) from error


def _path(argument: str) -> list[str]:
    """The names that lead to the key that an argument overrides; none if it is no override."""
    override = OVERRIDE.match(argument)
    return override[2].split(".") if override else []


def _last_line(error: Exception) -> str:
    """What ml_collections says at the end of a report that begins with a traceback."""
    return str(error).strip().splitlines()[-1].strip()


def _config_argument(argv: Sequence[str]) -> str:
    """The last one given, as absl takes it."""
    given = ""
    for argument, following in zip(argv, [*argv[1:], ""], strict=True):
        if argument == "--config":
            given = following
        elif argument.startswith("--config="):
            given = argument.removeprefix("--config=")
    return given
