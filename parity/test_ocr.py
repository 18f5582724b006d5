"""The OCR against the same network in PyTorch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import torch

from lpasrn_jax.models.ocr import OCR
from lpasrn_jax.weights.torch_names import Target, conv, dense, layer, pointwise, same
from parity import compare, reference_ocr
from parity.compare import Point

WIDTHS, HEADS = (8, 16, 24, 32), 4
IMAGE = np.random.default_rng(5).uniform(-1, 1, (2, 23, 71, 3))


def norm(torch_name: str, path: str) -> dict[str, Target]:
    return {f"{torch_name}.weight": Target(f"{path}/scale", same), f"{torch_name}.bias": Target(f"{path}/bias", same)}


def attention(torch_name: str, path: str) -> dict[str, Target]:
    """Flax keeps the heads as an axis of their own."""
    names = {}
    for part in ("query", "key", "value"):
        names[f"{torch_name}.{part}.weight"] = Target(f"{path}/{part}/kernel", lambda a: a.T.reshape(len(a), HEADS, -1))
        names[f"{torch_name}.{part}.bias"] = Target(f"{path}/{part}/bias", lambda a: a.reshape(HEADS, -1))
    names[f"{torch_name}.out.weight"] = Target(f"{path}/out/kernel", lambda a: a.T.reshape(HEADS, -1, len(a)))
    return names | {f"{torch_name}.out.bias": Target(f"{path}/out/bias", same)}


def block(torch_name: str, path: str, shortcut: bool) -> dict[str, Target]:
    names = layer(f"{torch_name}.squeeze", f"{path}/se/squeeze", pointwise)
    names |= layer(f"{torch_name}.excite", f"{path}/se/excite", pointwise)
    for part in ("0", "1"):
        names |= layer(f"{torch_name}.conv_{part}", f"{path}/conv_{part}", conv, use_bias=False)
        names |= norm(f"{torch_name}.norm_{part}", f"{path}/norm_{part}")
    if shortcut:
        names |= layer(f"{torch_name}.shortcut", f"{path}/shortcut", pointwise, use_bias=False)
        names |= norm(f"{torch_name}.norm_shortcut", f"{path}/norm_shortcut")
    return names


def ocr_names(model: OCR) -> dict[str, Target]:
    names = {"slot_queries": Target("slot_queries", same)}
    for i in range(3):
        names |= layer(f"transformer.convs.{i}", f"transformer/conv_{i}", conv)
    for part in ("hidden", "affine"):
        names |= layer(f"transformer.{part}", f"transformer/{part}", dense)
    names |= layer("stem", "stem", conv)
    for i in range(4):
        for j in range(model.blocks_per_stage):
            names |= block(f"stages.{i}.{j}", f"stage_{i}_block_{j}", shortcut=i > 0 and j == 0)
    for i in range(model.transformer_layers):
        names |= attention(f"encoder.{i}.attention", f"encoder_{i}/attention")
        for part in ("norm_attention", "norm_mlp"):
            names |= norm(f"encoder.{i}.{part}", f"encoder_{i}/{part}")
        for part in ("mlp_in", "mlp_out"):
            names |= layer(f"encoder.{i}.{part}", f"encoder_{i}/{part}", dense)
    for part in ("norm_height", "norm_encoder", "norm_slots"):
        names |= norm(part, part)
    names |= attention("slot_attention", "slot_attention")
    return names | layer("ctc", "ctc", dense) | layer("slots", "slots", dense)


def flatten(logits):
    """Both heads as one array [b, n]."""
    if isinstance(logits[0], torch.Tensor):
        return torch.cat([head.flatten(1) for head in logits], dim=1)
    return jnp.concatenate([head.reshape(head.shape[0], -1) for head in (logits.ctc, logits.slots)], axis=1)


def test_ocr_equals_the_pytorch_one(check):
    """In double precision: in single, a ReLU or a maximum so near its kink that rounding decides has one gradient here, another
    there, and which it is differs between machines."""
    model = OCR(36, 7, 36, WIDTHS, blocks_per_stage=1, transformer_layers=2, heads=HEADS, dtype="float64")
    reference = compare.randomise(reference_ocr.OCR(36, 7, WIDTHS, 1, 2, HEADS), seed=6).double()
    with torch.no_grad():  # a map that turns, shrinks and shifts a little, and is another one for each image
        reference.transformer.affine.weight.mul_(0.2)
        reference.transformer.affine.bias.copy_(torch.tensor([0.9, 0.05, 0.02, -0.04, 1.1, -0.03]))
    names = ocr_names(model)
    points = [p for p in compare.layer_points(names) if "attention" not in p.flax_path or p.flax_path.endswith("/out")]
    points += [Point("transformer", "transformer"), Point("slot_attention", "slot_attention")]
    points += [Point(f"stages.{i}.{j}", f"stage_{i}_block_{j}") for i in range(4) for j in range(model.blocks_per_stage)]
    points += [Point(f"encoder.{i}", f"encoder_{i}") for i in range(2)]
    with jax.enable_x64(True):
        errors = compare.compare(reference, model, names, IMAGE, points, flatten_output=flatten)
    for path in list(errors.parameter_gradients):
        if path.endswith("key/bias"):  # it shifts all scores of a query alike: its gradient is zero but for rounding
            del errors.parameter_gradients[path]
    check("OCR", errors)
