"""What the keys of the training guide's YAML do, taken from a file as its users write it."""

import math
import pathlib

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from lpasrn_jax.losses import compose
from lpasrn_jax.models import PlateModel, plate_model
from lpasrn_jax.models.ocr import OCRLogits
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.training import batches, optim
from lpasrn_jax.training.hard_mining import HardExampleMiner
from lpasrn_jax.training.loop import train_and_evaluate
from lpasrn_jax.weights.orbax import load_checkpoint
from tests.training.guide_config import from_file

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # ml_collections loads config files with it


def shapes(folder, network, **sections):
    """The parameters' shapes, by path, of a network of few features, under a file with `sections`."""
    config = from_file(folder, sections)
    config.model.update(features=8, growth=4, dense_layers=1, deform_groups=2)
    config.data.lr_size = (8, 24)
    tree = PlateModel.from_config(config, [network]).shapes[network]
    return {path: leaf.shape for path, leaf in flatten_dict(tree, sep="/").items()}


def generator_shapes(folder, **model):
    return shapes(folder, "generator", model={"num_rrdb_blocks": 1, **model})


def outside(tree, *parts):
    """What lies in none of the parts."""
    return {path: shape for path, shape in tree.items() if not any(part in path for part in parts)}


def test_character_attention_is_a_part_of_the_generator(tmp_path):
    with_it, without = (generator_shapes(tmp_path, use_character_attention=value) for value in (True, False))
    assert with_it.keys() - without.keys() == {path for path in with_it if path.startswith("msca/")} != set()
    assert outside(with_it, "msca/") == without


def test_each_scale_has_a_detector_and_an_attention(tmp_path):
    three, two = (generator_shapes(tmp_path, msca_scales=scales) for scales in ([1.0, 0.5, 0.25], [1.0, 0.5]))
    third = {path for path in three if path.startswith(("msca/detector_2/", "msca/attention_2/"))}
    assert three.keys() - two.keys() == third != set()
    assert (three["msca/fusion/kernel"], two["msca/fusion/kernel"]) == ((24, 8), (16, 8))
    assert outside(two, "msca/fusion") == outside(three, "msca/fusion", "detector_2", "attention_2")


def test_each_scale_has_the_prototypes(tmp_path):
    many, few = (generator_shapes(tmp_path, msca_num_prototypes=number) for number in (36, 10))
    kernels = [f"msca/detector_{i}/prototypes/kernel" for i in range(3)]
    assert [many[kernel] for kernel in kernels] == [(3, 3, 8, 36)] * 3
    assert many == few | dict.fromkeys(kernels, (3, 3, 8, 36))
    assert few == many | dict.fromkeys(kernels, (3, 3, 8, 10))


def test_dcnv4_takes_the_place_of_the_offset_convolution(tmp_path):
    dcnv4, plain = (generator_shapes(tmp_path, use_dcnv4=value) for value in (True, False))
    places = [f"block_0/attention/{place}/" for place in ("position", "mask")]
    layers = [f"{place}{layer}/" for place in places for layer in ("value_proj", "offset_mask", "output_proj")]
    assert sorted(dcnv4.keys() - plain.keys()) == sorted(f"{layer}{name}" for layer in layers for name in ("kernel", "bias"))
    layers = [f"{place}{layer}/" for place in places for layer in ("offset_conv", "taps")]
    assert sorted(plain.keys() - dcnv4.keys()) == sorted(f"{layer}{name}" for layer in layers for name in ("kernel", "bias"))
    assert outside(dcnv4, *places) == outside(plain, *places)


def test_the_trunk_has_as_many_blocks_as_asked_for(tmp_path):
    two, one = (generator_shapes(tmp_path, num_rrdb_blocks=number) for number in (2, 1))
    assert two == one | {path.replace("block_0", "block_1"): shape for path, shape in one.items() if "block_0" in path}
    assert two != one


def test_the_embedding_has_its_length(tmp_path):
    wide, narrow = (shapes(tmp_path, "embedder", loss={"embedding_dim": dim}) for dim in (128, 64))
    assert (wide["embedding/kernel"], narrow["embedding/kernel"]) == ((256, 128), (256, 64))
    assert outside(wide, "embedding/") == outside(narrow, "embedding/")


def test_the_lightweight_embedder_is_another_network_with_the_same_embedding(tmp_path):
    light, heavy = (shapes(tmp_path, "embedder", loss={"use_lightweight_embedder": value}) for value in (True, False))
    assert {path.split("/")[1] for path in light if path.startswith("backbone/")} >= {f"conv_{i}" for i in range(4)}
    assert "backbone/stage_3_block_1/conv_1/kernel" in heavy.keys() - light.keys()
    assert light["embedding/kernel"] == heavy["embedding/kernel"]
    size = {name: sum(map(math.prod, tree.values())) for name, tree in (("light", light), ("heavy", heavy))}
    assert size["light"] < size["heavy"] / 10


LAYOUT_PENALTY = (3 * 10 + 4 * 26) / 36  # of ABC1234 where all characters are equally likely: ten are digits, 26 are letters
# The embeddings below: matching pairs lie 0.25 and 1 apart, the others 1.5 and 0.25.
ATTRACTION = (0.25**2 + 1.0**2) / 2


def total_loss(config, epoch):
    """Of two plates whose SR images are right in every pixel, in which the OCR finds every character equally likely."""
    image = jnp.zeros((2, 16, 48, 3))
    made = compose.Outputs(
        images={"sr": image, "hr": image},
        slots={"sr": jnp.zeros((2, 7, 36))},
        ctc={},
        embeddings={"sr": jnp.array([[0.0, 0.0], [0.5, 0.0]]), "hr": jnp.array([[0.25, 0.0], [1.5, 0.0]])},
        text=jnp.array([BRAZIL.encode("ABC1234"), BRAZIL.encode("ABC1235")]),
        class_weights=jnp.ones(36),
        allowed=jnp.array(BRAZIL.layout_masks())[jnp.array([0, 0])],
    )
    total, _ = compose.compose(made, config, jnp.array(epoch), jnp.ones(2, bool))
    return float(total)


@pytest.mark.parametrize(("epoch", "share"), [(0.0, 0.0), (25.0, 0.5), (50.0, 1.0), (80.0, 1.0)])
@pytest.mark.parametrize("weight", [0.3, 0.5])
def test_lambda_embed_weighs_the_embedding_loss_and_warms_up_over_50_epochs(tmp_path, weight, epoch, share):
    config = from_file(tmp_path, {"loss": {"lambda_embed": weight}})
    embedding = ATTRACTION + ((2.0 - 1.5) ** 2 + (2.0 - 0.25) ** 2) / 2
    expected = math.log(36) + 0.5 * LAYOUT_PENALTY + share * weight * embedding
    assert total_loss(config, epoch) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("margin", "hinges"), [(2.0, (0.5**2 + 1.75**2) / 2), (1.0, 0.75**2 / 2), (0.2, 0.0)])
def test_embed_margin_is_where_other_plates_stop_repelling(tmp_path, margin, hinges):
    config = from_file(tmp_path, {"loss": {"embed_margin": margin}})
    expected = math.log(36) + 0.5 * LAYOUT_PENALTY + 0.3 * (ATTRACTION + hinges)
    assert total_loss(config, 50.0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weight", [0.5, 0.0, 2.0])
def test_lambda_layout_weighs_the_wrong_kind_of_character(tmp_path, weight):
    config = from_file(tmp_path, {"loss": {"lambda_layout": weight}})
    assert total_loss(config, 0.0) == pytest.approx(math.log(36) + weight * LAYOUT_PENALTY, rel=1e-5)


@pytest.mark.parametrize(("components", "expected"), [(["l1"], 0.0), (["l1", "lcofl"], math.log(36) + 0.5 * LAYOUT_PENALTY)])
def test_loss_components_are_what_is_summed(tmp_path, components, expected):
    config = from_file(tmp_path, {"progressive_training": {"stage4": {"loss_components": components}}})
    assert total_loss(config, 50.0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("alpha", [2.0, 1.0, 0.5])
def test_difficulty_alpha_is_the_exponent_of_the_difficulty(tmp_path, alpha):
    config = from_file(tmp_path, {"progressive_training": {"stage4": {"hard_mining": {"difficulty_alpha": alpha}}}})
    miner = HardExampleMiner(2, config.stage.hard_mining)
    for _ in range(2):
        miner.update(np.array([0, 1]), np.array([1.0, 0.25]))
    miner.reweight(1.0)
    weights = np.array([0.1**alpha, 0.85**alpha])  # 1 - accuracy + 0.1
    np.testing.assert_allclose(miner.probabilities, 0.2 / 2 + 0.8 * weights / weights.sum(), rtol=1e-12)


def test_lr_is_where_the_schedule_starts(tmp_path):
    config = from_file(tmp_path, {"progressive_training": {"stage4": {"lr": 3e-4}}})
    schedule = optim.create_schedule(config.stage, steps_per_epoch=10)
    np.testing.assert_allclose([schedule(0), schedule(49), schedule(50)], [3e-4, 3e-4, 2.7e-4], rtol=1e-5)


class Enlarger(nn.Module):
    """Stands for the generator."""

    scale: int = 2

    @nn.compact
    def __call__(self, image):
        b, h, w, c = image.shape
        larger = jax.image.resize(image, (b, self.scale * h, self.scale * w, c), "nearest")
        return larger * self.param("gain", nn.initializers.ones, ())


class Guesser(nn.Module):
    """Stands for the OCR."""

    @nn.compact
    def __call__(self, image):
        mean = image.mean((1, 2))
        return OCRLogits(ctc=nn.Dense(21 * 37)(mean).reshape(-1, 21, 37), slots=nn.Dense(7 * 36)(mean).reshape(-1, 7, 36))


@pytest.mark.parametrize(("epochs", "interval", "progress"), [(4, 2, [0.5, 1.0]), (3, 1, [1 / 3, 2 / 3, 1.0])])
def test_a_stage_lasts_its_epochs_and_reweights_at_its_interval(
    epochs, interval, progress, tracks_root, tfds_dir, tmp_path, monkeypatch
):
    section = {"epochs": epochs, "hard_mining": {"reweight_interval": interval}, "after": {"name": ""}}
    section |= {"networks": ["generator", "ocr"], "frozen": ["ocr"], "loss_components": ["l1", "lcofl"]}
    config = from_file(tmp_path, {"progressive_training": {"stage4": section}})
    config.data.update(root=str(tracks_root), tfds_dir=str(tfds_dir), val_split=0.2, lr_size=(8, 24), num_workers=0)
    config.data.augment.enabled = False
    monkeypatch.setitem(plate_model.NETWORKS, "generator", lambda config: Enlarger())
    monkeypatch.setitem(plate_model.NETWORKS, "ocr", lambda config: Guesser())
    reweighted, reweight = [], HardExampleMiner.reweight
    monkeypatch.setattr(HardExampleMiner, "reweight", lambda self, done: (reweighted.append(done), reweight(self, done)))

    assert train_and_evaluate(config, str(tmp_path / "run"))["finished"]
    assert reweighted == pytest.approx(progress)
    model = PlateModel.from_config(config, config.stage.networks)
    steps_per_epoch = batches.steps_per_epoch(batches.prepare_tracks(model, config, pathlib.Path()), config)
    assert load_checkpoint(tmp_path / "run/hard_mining/last").step == epochs * steps_per_epoch > 0
