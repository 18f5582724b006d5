"""The one place that makes and runs networks: what it makes of a config, what it refuses, and that nobody else does."""

import ast
import dataclasses
import pathlib
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from configs import base
from lpasrn_jax import images
from lpasrn_jax.errors import UserError
from lpasrn_jax.models import PlateModel, create_embedder, create_generator, create_ocr
from lpasrn_jax.models.params import check_params
from lpasrn_jax.models.plate_model import NETWORKS, default_config
from lpasrn_jax.plates import BRAZIL, PlateFormat
from tests.models.random_params import images as random_images
from tests.models.random_params import random_values
from tests.random_bundle import small_config

ROOT = pathlib.Path(__file__).parents[2]
ALL = tuple(NETWORKS)
REVERSED = BRAZIL.alphabet[::-1]


def tiny_config():
    config = small_config()
    config["loss"] = {"embedding_dim": 8, "use_lightweight_embedder": True}
    return config


@pytest.fixture(scope="module")
def model():
    return PlateModel.from_config(tiny_config(), ALL)


@pytest.fixture(scope="module")
def params(model):
    return {name: random_values(tree, seed) for seed, (name, tree) in enumerate(model.shapes.items())}


@pytest.fixture(scope="module")
def lr():
    return random_images(2, 8, 24, 3)


@pytest.fixture(scope="module")
def results(model, params, lr):
    """Of all methods, in one program."""

    @jax.jit
    def run(params, lr):
        enlarged = model.enlargements(params, lr)
        return {
            "enlarged": enlarged,
            "log_probs": {kind: model.log_probs(params, image) for kind, image in enlarged.items()},
            "logits": model.logits(params, enlarged["sr"]),
            "embedding": model.embed(params, enlarged["sr"]),
        }

    return run(params, lr)


def test_each_method_is_its_network_applied(results, params, lr):
    config = tiny_config()["model"]
    sr = jax.jit(create_generator(config).apply)({"params": params["generator"]}, lr)
    ocr = jax.jit(create_ocr(config["ocr"], BRAZIL).apply)
    embedder = jax.jit(create_embedder({"backbone": "lightweight", "dim": 8}).apply)
    enlarged = {"bicubic": images.bicubic_upscale(lr, 2), "sr": sr}
    expected = {
        "enlarged": enlarged,
        "log_probs": {kind: jax.nn.log_softmax(ocr({"params": params["ocr"]}, image).slots) for kind, image in enlarged.items()},
        "logits": ocr({"params": params["ocr"]}, sr),
        "embedding": embedder({"params": params["embedder"]}, sr),
    }
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), results, expected)
    assert np.abs(results["log_probs"]["sr"] - results["log_probs"]["bicubic"]).max() > 1e-2


def test_without_a_generator_there_is_the_bicubic_image_alone(params, lr):
    ocr = PlateModel.from_config(tiny_config(), ["ocr"])
    assert ocr.enlargements(params, lr).keys() == {"bicubic"}
    assert (ocr.lr_size, ocr.hr_size) == ((8, 24), (16, 48))


def test_new_parameters_of_a_network_do_not_depend_on_the_others(model):
    networks = {"generator": nn.Dense(4), "ocr": nn.Dense(2)}
    both = dataclasses.replace(model, networks=networks)
    alone = dataclasses.replace(model, networks={"ocr": networks["ocr"]})
    key = jax.random.key(3)
    jax.tree.map(np.testing.assert_array_equal, alone.init(key)["ocr"], both.init(key)["ocr"])
    assert both.init(key).keys() == {"generator", "ocr"}


def test_half_precision_is_another_computation_of_the_same_parameters(model, params, results):
    half = model.with_dtype("bfloat16")
    assert {network.dtype for name, network in half.networks.items() if name != "plate_check"} == {"bfloat16"}
    assert half.shapes == model.shapes
    log_probs = jax.jit(half.log_probs)(params, results["enlarged"]["sr"])
    assert log_probs.dtype == jnp.float32
    assert 0 < np.abs(log_probs - results["log_probs"]["sr"]).max() < 1


def test_lists_of_a_card_and_tuples_of_a_config_make_the_same_model():
    from_card = PlateModel.from_config({**tiny_config(), "data": {"lr_size": [8, 24]}}, ALL)
    from_config = PlateModel.from_config(ml_collections.FrozenConfigDict(ml_collections.ConfigDict(tiny_config())), ALL)
    assert from_card.networks == from_config.networks
    assert (from_card.plate_format, from_card.lr_size) == (from_config.plate_format, from_config.lr_size)


def test_the_base_config_has_every_default():
    config, defaults = base.get_config(), default_config()
    for section in ("model", "plates", "data", "loss"):
        whole = ml_collections.ConfigDict(defaults[section]).to_dict()
        assert {key: config[section].to_dict()[key] for key in whole} == whole
    networks = PlateModel.from_config(defaults, ALL).networks
    assert networks["generator"] == create_generator({})
    assert (networks["ocr"].widths, networks["embedder"].backbone) == ((64, 128, 256, 512), "resnet18")


def test_an_unknown_network_is_named():
    with pytest.raises(UserError, match="stage.networks: 'reader' found; expected some of generator, fusion, ocr, embedder"):
        PlateModel.from_config(tiny_config(), ["generator", "reader"])


@pytest.mark.parametrize(("plate_format", "message"), [
    (PlateFormat(REVERSED), f"weights: the OCR reads the alphabet {REVERSED}, this model {BRAZIL.alphabet}"),
    (PlateFormat(layouts=(("short", "LLLNNN"),)), "weights: the OCR reads plates of 6 characters, this model of 7"),
])  # fmt: skip
def test_parameters_of_another_plate_format_are_refused_naming_both(model, params, plate_format, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        model.check("weights", params, plate_format)


def test_parameters_of_the_same_letters_in_another_layout_are_taken(model, params):
    model.check("weights", params, PlateFormat(layouts=(("other", "NNNLLLL"),)))


def test_the_plate_format_matters_to_the_ocr_alone(params):
    generator = PlateModel.from_config(tiny_config(), ["generator"])
    generator.check("weights", {"generator": params["generator"]}, PlateFormat("01AB", (("short", "LNN"),)))


def test_parameters_of_another_shape_are_refused_naming_both(model, params):
    other = jax.tree.map(np.copy, params)
    other["ocr"]["stem"]["kernel"] = np.zeros((3, 3, 3, 4), np.float32)
    with pytest.raises(UserError, match=re.escape("ocr/stem/kernel is (3, 3, 3, 4), expected (3, 3, 3, 8)")):
        model.check("weights", other, BRAZIL)


def test_parameters_that_do_not_fit_are_all_named():
    def shape(*dimensions):
        return jax.ShapeDtypeStruct(dimensions, np.float32)

    expected = {"a": {"kernel": shape(2, 3), "bias": shape(3)}, "b": shape(1)}
    given = {"a": {"kernel": shape(2, 4), "bias": shape(3)}, "c": shape(1)}
    with pytest.raises(UserError, match=r"b is missing; c is unknown; a/kernel is \(2, 4\), expected \(2, 3\)"):
        check_params("weights", expected, given)


def network_makers(source: str) -> set[str]:
    """The functions and modules that a file uses to make networks."""
    names = {
        "create_generator",
        "create_ocr",
        "create_embedder",
        "Generator",
        "OCR",
        "Embedder",
        "ResNet18",
        "LightweightBackbone",
    }
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return names & {call.id if isinstance(call, ast.Name) else getattr(call, "attr", "") for call in calls}


def test_nobody_else_makes_a_network():
    files = [*ROOT.glob("lpasrn_jax/**/*.py"), *ROOT.glob("scripts/*.py"), *ROOT.glob("configs/*.py")]
    makers = {str(file.relative_to(ROOT)) for file in files if network_makers(file.read_text())}
    definitions = {f"lpasrn_jax/models/{name}.py" for name in ("generator", "ocr", "embedder")}
    assert makers - definitions == {"lpasrn_jax/models/plate_model.py"}
