"""Errors name the argument, what was found and what was expected."""

import jax.numpy as jnp
import pytest

from dcnv4_jax import deform_conv

VALUE, OFFSET_MASK = jnp.zeros((2, 5, 6, 8)), jnp.zeros((2, 5, 6, 54))


@pytest.mark.parametrize(
    ("changed", "argument", "found", "expected"),
    [
        ({"value": jnp.zeros((5, 6, 8))}, "value", "(5, 6, 8)", "4 dimensions"),
        ({"offset_mask": jnp.zeros((2, 5, 54))}, "offset_mask", "(2, 5, 54)", "4 dimensions"),
        ({"offset_mask": jnp.zeros((2, 5, 6, 53))}, "offset_mask", "(2, 5, 6, 53)", "at least 3 * groups * taps = 54"),
        ({"offset_mask": jnp.zeros((2, 4, 6, 54))}, "offset_mask", "(2, 4, 6, 54)", "(2, 5, 6, c)"),
        ({"offset_mask": jnp.zeros((1, 5, 6, 54))}, "offset_mask", "(1, 5, 6, 54)", "(2, 5, 6, c)"),
        ({"value": VALUE.astype(jnp.int32)}, "value", "int32", "float32, bfloat16, float16"),
        ({"offset_mask": OFFSET_MASK.astype(jnp.bfloat16)}, "offset_mask", "bfloat16", "float32"),
        ({"groups": 3}, "value", "(2, 5, 6, 8)", "multiple of groups=3"),
        ({"groups": 0}, "groups", "0", "at least 1"),
        ({"groups": 2.0}, "groups", "2.0", "integer"),
        ({"kernel_size": 3}, "kernel_size", "3", "pair (height, width)"),
        ({"kernel_size": (0, 3)}, "kernel_size", "(0, 3)", "at least 1"),
        ({"kernel_size": (9, 9)}, "value", "(2, 5, 6, 8)", "hold a kernel of (9, 9)"),
        ({"strides": (1, 0)}, "strides", "(1, 0)", "at least 1"),
        ({"padding": (-1, 0)}, "padding", "(-1, 0)", "at least 0"),
        ({"dilation": (1, 1, 1)}, "dilation", "(1, 1, 1)", "pair (height, width)"),
        ({"offset_scale": float("nan")}, "offset_scale", "nan", "finite"),
        ({"offset_scale": None}, "offset_scale", "None", "number"),
        ({"kernel_size": (2, 3), "remove_center": True}, "remove_center", "(2, 3)", "odd kernel sizes"),
        ({"remove_center": 2}, "remove_center", "2", "0 or 1"),
        ({"implementation": "cuda"}, "implementation", "'cuda'", "'xla'"),
    ],
)
def test_value_errors(changed, argument, found, expected):
    arguments = {"value": VALUE, "offset_mask": OFFSET_MASK, "groups": 2} | changed
    with pytest.raises(ValueError, match=f"^{argument}: found") as caught:
        deform_conv(arguments.pop("value"), arguments.pop("offset_mask"), **arguments)
    assert found in str(caught.value)
    assert expected in str(caught.value)
