"""The track generator against the PyTorch one."""

from __future__ import annotations

import flax.linen as nn
import jax
import numpy as np
import pytest
import torch

from lpasrn_jax.models.generator import Generator
from lpasrn_jax.models.plate_model import PlateModel
from lpasrn_jax.models.track_generator import FrameFusion
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.weights.torch_names import Target, conv, dense, generator_names, layer
from parity import compare, reference_generator, reference_track
from parity.compare import Point

FEATURES, GROUPS = 16, 4
FRAMES = np.random.default_rng(8).uniform(-1, 1, (2, 4, 9, 15, 3)).astype(np.float32)
MISSING = np.array([[True, True, True, False], [True, False, False, True]])
CASES = {  # which frames are present, residual blocks of the details
    "every frame": (np.ones((2, 4), bool), 0),
    "frames missing": (MISSING, 0),
    "frames missing, details": (MISSING, 2),
}


class TrackGenerator(nn.Module):
    """Generator and fusion in one module, so that what happens inside can be seen."""

    generator: Generator
    fusion: FrameFusion
    present: np.ndarray

    def __call__(self, frames):
        b, f, h, w, _ = frames.shape
        features = self.generator.extract(frames.reshape(b * f, h, w, 3)).reshape(b, f, h, w, -1)
        return self.generator.render(*self.fusion(features, frames, self.present))


def track_names(generator: Generator, details: int) -> dict[str, Target]:
    names = {
        f"generator.{key}": Target(f"generator/{target.path}", target.layout)
        for key, target in generator_names(generator).items()
    }
    names |= layer("align.guide", "fusion/align/guide", conv)
    for part in ("value_proj", "offset_mask", "output_proj"):
        names |= layer(f"align.deform.{part}", f"fusion/align/deform/{part}", dense)
    names |= layer("weights.compare", "fusion/weights/compare", conv)
    if details:
        names |= layer("details.join", "fusion/details/join", conv)
        names |= layer("details.details", "fusion/details/details", conv, use_bias=False)
    for i in range(details):
        names |= layer(f"details.first.{i}", f"fusion/details/first_{i}", conv)
        names |= layer(f"details.second.{i}", f"fusion/details/second_{i}", conv)
    return names | layer("weights.score", "fusion/weights/score", conv, use_bias=False)


@pytest.fixture(params=CASES)
def pair(request):
    """What is compared, the PyTorch module and the Flax one."""
    present, details = CASES[request.param]
    inner = reference_generator.Generator(FEATURES, 1, "none", growth=8, layers=1)
    reference = reference_track.TrackGenerator(inner, FEATURES, GROUPS, details, torch.from_numpy(present))
    compare.randomise(reference, seed=9)
    small = dict(num_rrdb_blocks=1, growth=8, dense_layers=1, use_deformable=False, use_character_attention=False)
    generator = Generator(features=FEATURES, **small)
    return f"track generator, {request.param}", reference, TrackGenerator(generator, FrameFusion(GROUPS, details), present)


def test_track_generator_equals_the_pytorch_one(pair, check):
    what, reference, model = pair
    names = track_names(model.generator, model.fusion.details)
    # The layers of the fusion run frame by frame there and all at once here: compared is what follows from them.
    points = [p for p in compare.layer_points(names) if p.flax_path.startswith(("generator/block_", "generator/upscaler"))]
    points = [p for p in points if "/geometry/" not in p.flax_path] + [Point("generator.upscaler", "generator/upscaler")]
    check(what, compare.compare(reference, model, names, FRAMES, points))


def test_the_model_runs_the_same(pair):
    """`PlateModel.enlarge_track` is what everything else calls."""
    _, reference, module = pair
    networks = {"generator": module.generator, "fusion": module.fusion}
    model = PlateModel(networks, BRAZIL, (9, 15), scale=2, dtype="float32")
    params = compare.flax_params(reference, track_names(module.generator, module.fusion.details))
    made = jax.jit(model.enlarge_track)(params, FRAMES, module.present)
    with torch.no_grad():
        expected = reference(torch.from_numpy(np.moveaxis(FRAMES, -1, -3))).numpy()
    np.testing.assert_allclose(made, np.moveaxis(expected, -3, -1), atol=2e-5)
