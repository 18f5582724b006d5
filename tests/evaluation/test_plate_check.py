"""The fit of what tells plates from other images."""

import numpy as np
import pytest

from lpasrn_jax.evaluation.plate_check import LOST, fit_plate_check


def log_odds(check, features):
    return (features @ check["linear"]["kernel"] + check["linear"]["bias"])[:, 0]


@pytest.fixture
def classes(rng):
    """1000 plates and 2000 others that differ in two of twelve features, on scales far from each other."""
    scale = np.geomspace(0.01, 100, 12)
    plates, others = rng.normal(0, 1, (1000, 12)), rng.normal(0, 1, (2000, 12))
    plates[:, 3] += 4
    plates[:, 7] -= 3
    return plates * scale, others * scale


def test_it_loses_the_share_of_plates_that_it_may_and_rejects_what_it_can(classes):
    plates, others = classes
    check = fit_plate_check(plates, others)
    assert check["linear"]["kernel"].shape == (12, 1)
    assert (log_odds(check, plates) < 0).mean() == pytest.approx(LOST, abs=0.02)
    assert (log_odds(check, others) < 0).mean() > 0.98
