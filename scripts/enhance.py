"""Enhance and read plates: python scripts/enhance.py -i plate.jpg -o out

The command `lpasrn enhance`, for those who work in a checkout; --help explains it.
"""

from lpasrn_jax.commands.main import run_command
from lpasrn_jax.signals import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()
    run_command("enhance", prog="enhance.py")
