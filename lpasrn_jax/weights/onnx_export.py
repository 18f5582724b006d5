"""A model as an ONNX program, which runs without JAX: `images` [b, h, w, 3] -> `sr` and slot log-probabilities `log_probs`. Its
metadata hold the `alphabet` that the slots' classes stand for, and the `layouts` as JSON.

jax2onnx lowers it and needs an older Orbax than training does, so this is for an environment of its own: `make onnx`.
"""

from __future__ import annotations

import json
import os
import pathlib

import jax
import numpy as np
from jaxtyping import Array, Float

from lpasrn_jax.errors import UserError
from lpasrn_jax.models.plate_model import Params, PlateModel
from lpasrn_jax.weights.bundle import write_atomically
from lpasrn_jax.witnesses import AS_IT_IS, ENLARGED, frame_log_probs

TOLERANCES = {"sr": 1e-4, "log_probs": 1e-2}  # in [-1, 1], where a grey value is 8e-3; and of log-probabilities above -10
NEGLIGIBLE = -10.0  # below it, a log-probability is that of what is not there, and its digits mean nothing


def write_onnx(path: str | os.PathLike, model: PlateModel, params: Params, temperature: float) -> dict[str, float]:
    """Writes the program once ONNX Runtime is seen to compute with it what the model computes.

    Its log-probabilities are those that one frame is read by: the mean over bicubic and SR image, divided by the temperature.

    Args:
      path: the `.onnx` file.
      model: with a generator and an OCR.
      params: of its networks.
      temperature: of the calibration.

    Returns:
      The largest difference of each output over batches of 1 and 3 images.

    Raises:
      UserError: without jax2onnx and ONNX Runtime; for a model without one of the networks; for a program whose outputs differ by
        more than `TOLERANCES`. Nothing is written then.
    """
    try:
        import onnx
        import onnxruntime
        from jax2onnx import to_onnx
    except ImportError as error:
        raise UserError(
            f"{path}: {error}; ONNX export needs an environment of its own: `make onnx`, then .venv-onnx/bin/lpasrn export"
        ) from error
    if lacking := {"generator", "ocr"} - model.networks.keys():
        raise UserError(f"{path}: the program enlarges and reads, and these weights have no {' and no '.join(sorted(lacking))}")
    portable, size = model.portable(), model.lr_size

    def program(images: Float[Array, "b h w 3"]) -> tuple[Float[Array, "b rh rw 3"], Float[Array, "b k v"]]:
        enlarged = portable.enlargements(params, images)
        by_kind = {kind: portable.log_probs(params, enlarged[kind]) for kind in (AS_IT_IS, ENLARGED)}
        return enlarged[ENLARGED], jax.nn.log_softmax(frame_log_probs(by_kind) / temperature)

    lowered = to_onnx(program, [("b", *size, 3)], model_name="lpasrn", input_names=["images"], output_names=[*TOLERANCES])
    plates = model.plate_format
    onnx.helper.set_model_props(lowered, {"alphabet": plates.alphabet, "layouts": json.dumps(dict(plates.layouts))})
    content = lowered.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    differences = dict.fromkeys(TOLERANCES, 0.0)
    for batch in (1, 3):
        images = np.random.default_rng(batch).uniform(-1, 1, (batch, *size, 3)).astype(np.float32)
        for name, ours, theirs in zip(TOLERANCES, session.run(None, {"images": images}), jax.jit(program)(images), strict=True):
            meant = np.asarray(theirs) > NEGLIGIBLE
            differences[name] = max(differences[name], float(np.abs(ours - np.asarray(theirs))[meant].max()))
    for name, tolerance in TOLERANCES.items():
        if not differences[name] <= tolerance:
            raise UserError(
                f"{path}: not written, for {name} is {differences[name]:.1e} away from the model, over {tolerance:.0e}"
            )
    write_atomically(pathlib.Path(path), content)
    return differences
