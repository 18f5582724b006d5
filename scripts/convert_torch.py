"""Convert PyTorch weights: python scripts/convert_torch.py best.pth weights/original

The command `lpasrn convert`, for those who work in a checkout; --help explains it.
"""

from lpasrn_jax.commands.main import run_command
from lpasrn_jax.signals import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()
    run_command("convert", prog="convert_torch.py")
