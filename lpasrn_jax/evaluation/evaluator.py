"""The networks of a bundle applied to every frame of a set: per-frame metrics and texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from lpasrn_jax import images
from lpasrn_jax.data import pipeline
from lpasrn_jax.evaluation import metrics
from lpasrn_jax.models.ocr import OCRLogits
from lpasrn_jax.models.plate_model import Params
from lpasrn_jax.reading.ctc_decode import ctc_beam, ctc_greedy
from lpasrn_jax.weights.bundle import Bundle

BATCH_SIZE = 32
IMAGES = ("lr", "hr", "track")  # keys of an example that hold images

Images = dict[str, Float[np.ndarray, "n h w 3"]]
Arrays = dict[str, Array]
Scores = dict[str, dict[str, Float[np.ndarray, " n"]]]  # scores[metric][kind of image], one value per frame


class FrameResults(NamedTuple):
    """Per-frame results of an evaluation; frame f of track t is row t * 5 + f.

    scores: by `metrics.image_scores`.
    slots: slot log-probabilities by kind of image; empty without an OCR.
    greedy, beam: texts of the CTC head by best path and by prefix beam, as class indices padded with -1; by kind of image.
    of_three: of the image made of three frames of the track, the row's own frame the reference: `psnr` and, with an OCR, `slots`;
      empty without a fusion.
    text, layout, scenario: ground truth.
    """

    scores: Scores
    slots: dict[str, Float[np.ndarray, "n k v"]]
    greedy: dict[str, Int[np.ndarray, "n t"]]
    beam: dict[str, Int[np.ndarray, "n k"]]
    of_three: dict[str, Array]
    text: Int[np.ndarray, "n k"]
    layout: Int[np.ndarray, " n"]
    scenario: Int[np.ndarray, " n"]


class Evaluator:
    """Enlarges, compares and reads batches with the networks of a bundle, in one compiled function.

    Args:
      bundle: weights of a generator, an OCR, or both.
    """

    def __init__(self, bundle: Bundle):
        self._params = bundle.params
        self._model = bundle.model
        self._apply = jax.jit(self._apply_to_batch)

    def frame_results(self, reader: pipeline.FramePairReader) -> FrameResults:
        """The results of every frame, in the reader's order."""
        parts = []
        for batch in pipeline.eval_batches(reader, batch_size=BATCH_SIZE):
            _, *outputs = self._apply(self._params, {name: batch[name] for name in IMAGES if name in batch})
            of_batch = FrameResults(*jax.device_get(outputs), batch["text"], batch["layout"], batch["scenario"])
            parts.append(jax.tree.map(lambda values, real=batch["mask"]: values[real], of_batch))
        return jax.tree.map(lambda *columns: np.concatenate(columns), *parts)

    def pictures(self, reader: pipeline.FramePairReader, indices: Sequence[int]) -> Images:
        """The images in [-1, 1] of at most `BATCH_SIZE` frames by kind: `lr`, `bicubic`, `sr` with a generator,
        `fused` of whole tracks, `hr`.

        Computed again, since the images of all frames may not fit into memory.
        """
        padding = [indices[0]] * (BATCH_SIZE - len(indices))  # to the shape that is already compiled
        examples = [reader(int(index)) for index in (*indices, *padding)]
        batch = {name: np.stack([example[name] for example in examples]) for name in IMAGES if name in examples[0]}
        made, *_ = self._apply(self._params, batch)
        return {kind: np.asarray(image)[: len(indices)] for kind, image in made.items()}

    def _apply_to_batch(
        self, params: Params, batch: dict[str, UInt8[Array, "b ..."]]
    ) -> tuple[Arrays, dict[str, Arrays], Arrays, Arrays, Arrays, Arrays]:
        lr, hr = images.to_float(batch["lr"]), images.to_float(batch["hr"])
        track = images.to_float(batch["track"]) if "track" in batch else None
        made = self._model.enlargements(params, lr, track)
        by_kind = {"lr": lr, **made, "hr": hr}
        scores = metrics.image_scores(by_kind, self._model.scale)
        logits = metrics.ocr_logits(self._model, params, {**made, "hr": hr})
        of_three = {} if track is None else self._of_three(params, track, hr)
        return by_kind, scores, *self._read(logits), of_three

    def _of_three(
        self, params: Params, track: Float[Array, "b f h w 3"], hr: Float[Array, "b rh rw 3"]
    ) -> dict[str, Float[Array, "b ..."]]:
        track = track[:, :3]
        fused = self._model.enlarge_track(params, track, jnp.ones(track.shape[:2], bool))
        scores = metrics.image_scores({"fused": fused, "hr": hr}, self._model.scale, ("psnr",))
        of_three = {"psnr": scores["psnr"]["fused"]}
        if "ocr" in self._model.networks:
            of_three["slots"] = self._model.log_probs(params, fused)
        return of_three

    def _read(self, logits_by_kind: dict[str, OCRLogits]) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        masks = self._model.plate_format.layout_masks()
        slots = {kind: logits.slot_log_probs for kind, logits in logits_by_kind.items()}
        greedy = {kind: ctc_greedy(logits.ctc).classes for kind, logits in logits_by_kind.items()}
        beam = {kind: ctc_beam(logits.ctc, masks).classes for kind, logits in logits_by_kind.items()}
        return slots, greedy, beam
