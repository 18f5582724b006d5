"""Parameters of the official PyTorch module, brought into the names and axis orders of the Flax layers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

# Key of the official module's state_dict: path of the same parameter in `dcnv4_jax.linen.DCNv4` and `dcnv4_jax.nnx.DCNv4`.
PATHS = {
    "value_proj.weight": "value_proj/kernel",
    "value_proj.bias": "value_proj/bias",
    "offset_mask_dw.weight": "offset_mask_depthwise/kernel",
    "offset_mask_dw.bias": "offset_mask_depthwise/bias",
    "offset_mask.weight": "offset_mask/kernel",
    "offset_mask.bias": "offset_mask/bias",
    "center_feature_scale_proj_weight": "center_feature_scale/kernel",
    "center_feature_scale_proj_bias": "center_feature_scale/bias",
    "output_proj.weight": "output_proj/kernel",
    "output_proj.bias": "output_proj/bias",
}


def to_flax_axes(array: np.ndarray) -> np.ndarray:
    """A linear layer's [out, in] -> [in, out], a convolution's OIHW -> HWIO; a bias stays."""
    return array.transpose({1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}[array.ndim])


def params_from_torch(state_dict: Mapping[str, Any], prefix: str = "") -> dict[str, dict[str, np.ndarray]]:
    """The parameters of one official DCNv4 module, as a Flax layer with the same options has them.

    Args:
      state_dict: tensors or arrays by the names of a PyTorch model, which may hold much else.
      prefix: what comes before the module's own names, with its dot: "levels.0.blocks.0.dcn.".

    Raises:
      ValueError: there is no such module, or its keys are not those of DCNv4; names them.
    """
    own = {key.removeprefix(prefix): tensor for key, tensor in state_dict.items() if key.startswith(prefix)}
    if unknown := sorted(own.keys() - PATHS.keys()):
        raise ValueError(f"state_dict: found {prefix}{unknown[0]}, expected those of one DCNv4 under prefix {prefix!r}")
    if "offset_mask.weight" not in own:
        raise ValueError(f"state_dict: found no {prefix}offset_mask.weight, expected a DCNv4 under prefix {prefix!r}")
    params: dict[str, dict[str, np.ndarray]] = {}
    for key, tensor in own.items():
        module, _, name = PATHS[key].partition("/")
        params.setdefault(module, {})[name] = np.ascontiguousarray(to_flax_axes(np.asarray(tensor)))
    return params
