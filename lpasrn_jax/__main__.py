"""`python -m lpasrn_jax` is the command `lpasrn`."""

from lpasrn_jax.commands.main import main

if __name__ == "__main__":
    main()
