"""The program `lpasrn`, also as `python -m lpasrn_jax`."""

# ruff: noqa: E402  (a signal during the imports that follow shall end it with one line)
from lpasrn_jax.signals import exit_on_signals

exit_on_signals()

from lpasrn_jax.commands.main import main

if __name__ == "__main__":
    main()
