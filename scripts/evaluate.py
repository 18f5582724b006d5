"""Evaluate a checkpoint: python scripts/evaluate.py --checkpoint runs/a/best --data-root data/val

The command `lpasrn evaluate`, for those who work in a checkout; --help explains it.
"""

from lpasrn_jax.commands.main import run_command
from lpasrn_jax.signals import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()
    run_command("evaluate", prog="evaluate.py")
