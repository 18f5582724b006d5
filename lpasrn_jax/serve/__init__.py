"""The local web page and its JSON interface: `python -m lpasrn_jax.serve`."""
