"""Which terms a stage has, and how they are weighted, warmed up, masked and averaged."""

import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from lpasrn_jax.errors import UserError
from lpasrn_jax.losses import compose, consistency, embedding, lcofl, pixel

ALL = jnp.ones(3, bool)


@pytest.fixture
def made(rng):
    def images(h=16, w=48):
        return jnp.asarray(rng.uniform(-1, 1, (3, h, w, 3)), jnp.float32)

    def normal(*shape):
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    return compose.Outputs(
        images={"lr": images(8, 24), "hr": images(), "sr": images(), "other_hr": images()},
        slots={"hr": normal(3, 7, 36), "sr": normal(3, 7, 36)},
        ctc={"hr": normal(3, 12, 37), "sr": normal(3, 12, 37)},
        embeddings={"hr": normal(3, 8), "sr": normal(3, 8), "other_hr": normal(3, 8)},
        text=jnp.asarray(rng.integers(0, 36, (3, 7))),
        class_weights=jnp.asarray(rng.uniform(1, 3, 36), jnp.float32),
        allowed=jnp.asarray(rng.uniform(size=(3, 7, 36)) < 0.5),
    )


def stage(*components, **keys):
    config = base.get_config()
    config.stage.update(loss_components=components, **keys)
    return config


def total(made, config, epoch=0.0, mask=ALL):
    loss, means = compose.compose(made, config, jnp.float32(epoch), mask)
    return float(loss), {name: float(value) for name, value in means.items()}


def test_each_term_is_returned_under_its_name(made):
    config = stage("l1", "consistency", "lcofl", "ctc", "slots", "embedding", "contrastive", reads=("hr", "sr"))
    _, means = total(made, config)
    of_lcofl, of_ocr = ["classification", "layout", "ssim"], ["ctc_hr", "ctc_sr", "slots_hr", "slots_sr"]
    assert sorted(means) == sorted(["l1", "consistency", *of_lcofl, *of_ocr, "embedding", "contrastive"])


def test_consistency_is_of_sr_with_lr(made):
    config = stage("consistency")
    config.loss.lambda_consistency = 0.25
    expected = consistency.consistency(made.images["sr"], made.images["lr"], 2).mean()
    loss, means = total(made, config)
    np.testing.assert_allclose(means["consistency"], expected, rtol=1e-6)
    np.testing.assert_allclose(loss, 0.25 * expected, rtol=1e-6)


def test_lcofl_is_the_weighted_sum_of_its_three_parts(made):
    config = stage("l1", "lcofl")
    config.loss.update(lambda_l1=2.0, lambda_lcofl=3.0, lambda_layout=0.5, lambda_ssim=0.25, layout_beta=4.0)
    classification = lcofl.classification_loss(made.slots["sr"], made.text, made.class_weights).mean()
    layout = lcofl.layout_penalty(made.slots["sr"], made.allowed, 4.0).mean()
    ssim = pixel.ssim_loss(made.images["sr"], made.images["hr"]).mean()
    l1 = pixel.l1(made.images["sr"], made.images["hr"]).mean()
    loss, means = total(made, config)
    np.testing.assert_allclose(loss, 2 * l1 + 3 * (classification + 0.5 * layout + 0.25 * ssim), rtol=1e-5)
    np.testing.assert_allclose(
        [means["classification"], means["layout"], means["ssim"]], [classification, layout, ssim], rtol=1e-5
    )


@pytest.mark.parametrize(("epoch", "share"), [(0.0, 0.0), (25.0, 0.5), (50.0, 1.0), (90.0, 1.0)])
def test_the_embedding_loss_warms_up_over_fifty_epochs(made, epoch, share):
    loss, means = total(made, stage("embedding"), epoch)
    np.testing.assert_allclose(loss, 0.3 * share * means["embedding"], rtol=1e-6)
    expected = embedding.consistency_loss(made.embeddings["sr"], made.embeddings["hr"], made.text, 2.0)
    np.testing.assert_allclose(means["embedding"], expected.mean(), rtol=1e-6)


def test_ssim_alone_is_the_part_that_it_is_of_lcofl(made):
    config = stage("ssim")
    loss, means = total(made, config)
    np.testing.assert_allclose(means["ssim"], pixel.ssim_loss(made.images["sr"], made.images["hr"]).mean(), rtol=1e-6)
    np.testing.assert_allclose(loss, config.loss.lambda_ssim * means["ssim"], rtol=1e-6)


def test_without_a_warm_up_the_whole_weight_is_there_from_the_start(made):
    config = stage("embedding")
    config.loss.embed_warmup_epochs = 0.0
    loss, means = total(made, config)
    np.testing.assert_allclose(loss, 0.3 * means["embedding"], rtol=1e-6)


def test_ctc_and_slots_read_what_the_stage_says(made):
    config = stage("ctc", "slots", reads=("hr",))
    loss, means = total(made, config)
    assert sorted(means) == ["ctc_hr", "slots_hr"]
    np.testing.assert_allclose(
        loss, config.loss.lambda_ctc * means["ctc_hr"] + config.loss.lambda_slots * means["slots_hr"], rtol=1e-6
    )


def test_masked_examples_count_nothing(made):
    _, means = total(made, stage("l1"), mask=jnp.array([True, False, True]))
    values = pixel.l1(made.images["sr"], made.images["hr"])
    np.testing.assert_allclose(means["l1"], (values[0] + values[2]) / 2, rtol=1e-6)


def test_what_networks_must_look_at_follows_from_the_components():
    config = stage("l1", "lcofl", "slots", "embedding", reads=("hr",))
    assert compose.images_read(config.stage) == ("hr", "sr")
    assert compose.images_embedded(config.stage) == ("hr", "sr")
    assert compose.images_read(stage("l1").stage) == compose.images_embedded(stage("l1").stage) == ()


@pytest.mark.parametrize(("components", "keys", "message"), [
    ((), {}, r"stage\.loss_components: an empty list found; expected some of l1, ssim, lcofl"),
    (("l1", "l3"), {}, r"stage\.loss_components: 'l3' found; expected some of l1, ssim, lcofl"),
    (("lcofl",), {"networks": ("generator",)}, "'lcofl' needs the ocr; add it to stage.networks"),
    (("l1",), {"networks": ("ocr", "embedder")}, "'l1' needs the generator"),
    (("ssim", "lcofl"), {}, "'ssim' found beside 'lcofl', of which it is a part"),
    (("consistency",), {"networks": ("ocr",)}, "'consistency' needs the generator"),
    (("slots",), {}, r"stage\.reads: empty"),
    (("slots",), {"reads": ("hr", "lr")}, r"stage\.reads: \('hr', 'lr'\) found; expected some of bicubic, hr, sr"),
    (("slots",), {"reads": ("sr",), "networks": ("ocr",)}, r"stage\.reads: \('sr',\) found; expected some of bicubic, hr"),
    (("l1",), {"hard_mining": {"enabled": True}}, "hard_mining.enabled: nothing reads the SR images"),
])  # fmt: skip
def test_a_stage_that_cannot_be_is_refused(components, keys, message):
    with pytest.raises(UserError, match=message):
        compose.check_components(stage(*components, **keys).stage)
