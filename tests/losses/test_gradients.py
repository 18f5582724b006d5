"""What reaches the SR image: the gradients of the losses through the project's own OCR and embedder."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.losses import embedding, lcofl, pixel
from lpasrn_jax.models import create_embedder, create_ocr
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.synthetic.plate import draw_plate
from lpasrn_jax.synthetic.ranges import RANGES
from tests.models.random_params import images, random_params

PLATES = [("ABC1234", "Brazilian", "LLLNNNN"), ("QRS5T67", "Mercosur", "LLLNLNN"), ("MWX0809", "Brazilian", "LLLNNNN")]
TEXT = np.stack([BRAZIL.encode(text) for text, _, _ in PLATES])


def read(sr):
    """Slot logits of a small OCR of random parameters, in float64."""
    config = {"widths": (8, 8, 16, 16), "blocks_per_stage": 1, "transformer_layers": 1, "heads": 2}
    ocr = create_ocr(config, BRAZIL, dtype="float64")
    params = random_params(ocr, sr)
    params["transformer"]["affine"]["bias"] += np.array([1, 0, 0, 0, 1, 0], np.float32)  # look at the whole plate
    slots = ocr.apply({"params": params}, sr).slots
    assert slots.dtype == jnp.float64
    return slots


def embed(image, dtype):
    embedder = create_embedder({"backbone": "lightweight", "dim": 128}, dtype=dtype)
    vectors = embedder.apply({"params": random_params(embedder, image)}, image)
    assert vectors.dtype == dtype
    return vectors


def classification(sr, hr):
    return lcofl.classification_loss(read(sr), TEXT, np.linspace(1, 3, 36))


def layout(sr, hr):
    masks = BRAZIL.layout_masks()[[BRAZIL.layout_index(layout) for _, layout, _ in PLATES]]
    return lcofl.layout_penalty(read(sr), jnp.array(masks), beta=0.5)


def ssim(sr, hr):
    return pixel.ssim_loss(sr, hr)


def consistency(sr, hr):
    # These images lie 4 to 6 apart; with a wider margin the hinges are active.
    return embedding.consistency_loss(embed(sr, "float64"), embed(hr, "float64"), TEXT, margin=8.0)


@pytest.mark.parametrize("loss", [classification, layout, ssim, consistency])
def test_the_gradient_reaches_the_sr_image_and_is_right(loss):
    """Against central differences in float64; the networks have kinks, and only so small a step crosses next to none."""
    step = 3e-8
    with jax.enable_x64(True):
        sr, hr = (np.float64(images(3, 16, 48, 3, seed=seed)) for seed in (0, 1))
        value_and_gradient = jax.jit(jax.value_and_grad(lambda sr: loss(sr, hr).sum()))
        _, gradient = value_and_gradient(sr)
        assert (np.abs(gradient) > 0).mean(axis=(1, 2, 3)).min() > 0.9  # of each image, nearly all pixels
        typical = np.linalg.norm(gradient)  # size of a slope in a random direction of this kind
        for seed in range(4):
            direction = np.random.default_rng(seed).normal(size=sr.shape)
            ahead, behind = (value_and_gradient(sr + sign * step * direction)[0] for sign in (1, -1))
            slope = (ahead - behind) / (2 * step)
            np.testing.assert_allclose(np.vdot(gradient, direction), slope, rtol=0, atol=1e-5 * typical)
        _, gradient_of_flat = value_and_gradient(np.full_like(sr, -1))
        assert np.isfinite(gradient_of_flat).all()


def drawn_plates():
    """HR images of the plates, and SR ones: from a quarter of the size, and noisy."""
    drawn = [draw_plate(*plate, RANGES.plate, np.random.default_rng(seed)) for seed, plate in enumerate(PLATES)]
    hr = np.stack([cv2.resize(plate, (144, 48), interpolation=cv2.INTER_AREA) for plate in drawn]) * 2 - 1
    small = [cv2.resize(plate, (36, 12), interpolation=cv2.INTER_AREA) for plate in hr]
    blurred = np.stack([cv2.resize(plate, (144, 48), interpolation=cv2.INTER_LINEAR) for plate in small])
    return np.clip(blurred + 0.15 * images(*hr.shape, seed=1), -1, 1), hr


def test_gradient_steps_bring_sr_to_its_own_hr_and_away_from_others():
    """Random parameters tell plates apart well enough: D is 1.5 to 3 between them, and 1.5 to 2 between a plate and its SR."""
    sr, hr = drawn_plates()
    embed_all = jax.jit(lambda images: embed(images, "float32"))
    embedded_hr = embed_all(hr)

    def distances(sr):
        return np.asarray(embedding.distance(embed_all(sr)[:, None], embedded_hr[None]))

    @jax.jit
    def gradient(sr):
        return jax.grad(lambda sr: embedding.consistency_loss(embed(sr, "float32"), embedded_hr, TEXT, margin=4.0).sum())(sr)

    before, image = distances(sr), sr
    for _ in range(20):
        image = jnp.clip(image - 0.1 * gradient(image), -1, 1)
    after = distances(image)
    own = np.eye(len(PLATES), dtype=bool)
    assert before.max() < 4.0, "the hinge is active for every pair"
    assert (after[own] < 0.8 * before[own]).all()
    assert (after[~own] > before[~own]).all()
