"""Make tracks in the data layout: python scripts/make_tracks.py --out data/train --tracks 2000

The command `lpasrn make-tracks`, for those who work in a checkout; --help explains it.
"""

from lpasrn_jax.commands.main import run_command
from lpasrn_jax.signals import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()
    run_command("make-tracks", prog="make_tracks.py")
