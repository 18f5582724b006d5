"""The one place where losses meet weights, masks and means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from lpasrn_jax.errors import UserError
from lpasrn_jax.losses import pixel

LOSSES: dict[str, Callable] = {"l1": pixel.l1, "ssim": pixel.ssim_loss}


def check_components(components: Sequence[str]) -> None:
    """Raise UserError for an empty list or a name that is no loss."""
    unknown = [name for name in components if name not in LOSSES]
    if unknown or not components:
        found = unknown[0] if unknown else "an empty list"
        raise UserError(f"stage.loss_components: {found!r} found; expected some of {', '.join(LOSSES)}")


def compose(
    terms: Mapping[str, Float[Array, " b"]], weights: Mapping[str, float] | None = None
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The weighted sum of the terms' means over the batch, and each mean by name for the log.

    Args:
      terms: one value an example and term.
      weights: a factor a term; 1 where a term has none.
    """
    means = {name: jnp.mean(values) for name, values in terms.items()}
    weights = weights or {}
    total = sum(weights.get(name, 1.0) * mean for name, mean in means.items())
    return total, means
