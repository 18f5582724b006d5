"""Images that show no plate."""

import numpy as np
import pytest

from lpasrn_jax.plates import BRAZIL, PlateFormat
from lpasrn_jax.synthetic.no_plates import KINDS, draw_no_plate


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_gives_images_of_the_shape_of_plates(kind):
    rng = np.random.default_rng(3)
    for _ in range(5):
        image = KINDS[kind](BRAZIL, rng)
        h, w, _ = image.shape
        assert image.dtype == np.uint8
        assert 12 <= h <= 60
        assert 1 <= w / h <= 6


def test_the_same_seed_draws_the_same_image():
    one, other = (draw_no_plate(BRAZIL, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_plates_of_other_formats():
    """None of another length has the format's own."""
    plates = PlateFormat("0123456789ABC", (("Short", "LNN"),))
    for kind in ("other length", "two lines", "turned"):
        assert KINDS[kind](plates, np.random.default_rng(1)).ndim == 3
