"""The calibration of finished weights, fitted anew."""

import dataclasses

import numpy as np
import pytest

from lpasrn_jax.errors import UserError
from lpasrn_jax.evaluation.evaluator import Evaluator
from lpasrn_jax.evaluation.recalibrate import recalibrated
from tests.random_bundle import part, random_bundle


def test_what_is_read_decides(tracks_root, tmp_path, monkeypatch, rng):
    """An OCR that is told the truth in a part of the frames, and as sure in the others."""
    seen = Evaluator.frame_results

    def told(self, reader):
        results = seen(self, reader)
        n, k = results.text.shape
        said = results.text.copy()
        said[:, -1] = (said[:, -1] + (rng.random(n) > 0.6) * rng.integers(1, 10, n)) % 10  # the last character is a digit
        slots = np.full((n, k, 36), -9.0)
        np.put_along_axis(slots, said[..., None], 0.0, axis=-1)
        slots += rng.normal(0, 1, slots.shape)
        return results._replace(slots={"bicubic": slots, "sr": slots, "hr": slots})

    monkeypatch.setattr(Evaluator, "frame_results", told)
    bundle = dataclasses.replace(random_bundle(), about={"step": 40, "calibrated": False})
    found = recalibrated(bundle, str(tracks_root), str(tmp_path / "tfds"))
    assert found.calibration.temperature > 1.5  # 60 % are right, and it was nearly sure of all
    assert found.about.keys() == {"step", "temperature", "frame_correlation"}


def test_where_none_fits(tracks_root, tmp_path):
    with pytest.raises(UserError, match="calibration: none fits the readings of .*; give more tracks"):
        recalibrated(random_bundle(), str(tracks_root), str(tmp_path / "tfds"))
    with pytest.raises(UserError, match="calibration: these weights have no ocr, only generator"):
        recalibrated(part(random_bundle(), "generator"), str(tracks_root), str(tmp_path / "tfds"))
