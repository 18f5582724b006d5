"""What is wrong with a data set."""

from lpasrn_jax.errors import UserError


class DataError(UserError):
    """A folder, a track or a file that cannot be used; the message says which and why."""
