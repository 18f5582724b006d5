"""Weights and means of loss terms."""

import jax.numpy as jnp
import pytest

from lpasrn_jax.errors import UserError
from lpasrn_jax.losses import compose


def test_the_total_is_the_weighted_sum_of_means():
    total, means = compose.compose({"l1": jnp.array([1.0, 3.0]), "ssim": jnp.array([0.5, 0.5])}, {"ssim": 4.0})
    assert (float(total), float(means["l1"]), float(means["ssim"])) == (4.0, 2.0, 0.5)


@pytest.mark.parametrize("components", [(), ("l1", "l3")])
def test_an_unknown_or_missing_loss_is_refused(components):
    with pytest.raises(UserError, match=r"stage\.loss_components.*expected some of l1"):
        compose.check_components(components)


def test_known_losses_pass():
    compose.check_components(("l1", "ssim"))
