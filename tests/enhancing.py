"""Enhances a folder as the command does, and lists what that leaves."""

from lpasrn_jax.commands.enhance_files import enhance_files
from lpasrn_jax.commands.sources import find_sources
from lpasrn_jax.plates import BRAZIL


def run(reader, path, out, **options):
    return enhance_files(reader, find_sources(path, BRAZIL), out, **options)


def files(out):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
