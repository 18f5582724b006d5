"""The weights that come with the package read plates that they have never seen."""

import csv
import pathlib

import pytest

import lpasrn_jax as lp
from lpasrn_jax.commands.sources import find_sources, source_image
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.synthetic import write_tracks
from lpasrn_jax.weights import DEFAULT
from lpasrn_jax.weights.load import BUNDLED, bundled_names, load_weights

REAL_PLATES = pathlib.Path(__file__).parents[3] / "shared/real_plates"


# Of 24 synthetic tracks and of the 57 photographs, how many are read wholly right at least: two less than were when they came.
LEAST = {"lite": (12, 53), "base": (12, 53)}


@pytest.fixture(scope="module", params=bundled_names())
def name(request):
    return request.param


@pytest.fixture(scope="module")
def reader(name):
    return lp.load(name, device="cpu")


def test_the_card_tells_what_a_user_should_know(name):
    bundle = load_weights(name)
    assert bundle.params.keys() >= {"generator", "fusion", "ocr"}
    assert bundle.calibration is not None
    assert "synthetic plates" in bundle.about["note"]
    assert bundle.about["results"]["figures"]["psnr over bicubic"]["fused"][1] > 1
    assert "root" not in (BUNDLED / f"{name}.json").read_text()


def test_bundled_weights_fit_their_cards(name):
    """`load` need not look again."""
    bundle = load_weights(name)
    bundle.model.check(name, bundle.params, bundle.model.plate_format)


def test_synthetic_tracks(name, reader, tmp_path):
    """Of a seed of its own: 24 tracks, by day, at night and in rain, harder than those that these weights learned from."""
    plans = {plan.folder: plan for plan in write_tracks(tmp_path / "tracks", 24, seed=2024)}
    sources = find_sources(tmp_path / "tracks", BRAZIL).plates
    assert len(sources) == 24
    right = []
    for source in sources:
        frames = [source_image(image, reader.lr_size) for image in source.images.values()]
        right.append(reader.read_track(frames).text == plans[source.name].text)
    assert sum(right) >= LEAST[name][0]


@pytest.mark.skipif(not REAL_PLATES.is_dir(), reason="no photographs beside the checkout: shared/real_plates")
def test_photographs(name, reader):
    with open(REAL_PLATES / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    readings = reader.read_many([REAL_PLATES / row["file"] for row in rows])
    right = [reading.text == row["plate_text"] for reading, row in zip(readings, rows, strict=True)]
    assert sum(right) >= LEAST[name][1]


def test_the_default_is_bundled():
    assert DEFAULT in bundled_names()
    assert lp.load().plate_format.layout_names == ("Brazilian", "Mercosur")
