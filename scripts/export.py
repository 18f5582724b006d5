"""Export a model: python scripts/export.py --checkpoint runs/a/best --out generator.stablehlo (or plates.safetensors)

The command `lpasrn export`, for those who work in a checkout; --help explains it.
"""

from lpasrn_jax.commands.main import run_command
from lpasrn_jax.signals import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()
    run_command("export", prog="export.py")
