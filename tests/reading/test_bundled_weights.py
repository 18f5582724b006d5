"""The weights that come with the package read plates that they have never seen."""

import csv
import pathlib

import numpy as np
import pytest
from PIL import Image

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


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """True text and frames of 24 tracks of a seed of its own: by day, at night and in rain, harder than what was learned from."""
    root = tmp_path_factory.mktemp("tracks")
    plans = {plan.folder: plan for plan in write_tracks(root, 24, seed=2024)}
    sources = find_sources(root, BRAZIL).plates
    assert len(sources) == 24
    return [(plans[source.name].text, [source_image(image, (24, 72)) for image in source.images.values()]) for source in sources]


def count_right(reader, tracks):
    """Of the tracks, how many are read wholly right."""
    return sum(reader.read_track(frames).text == text for text, frames in tracks)


@pytest.fixture(scope="module")
def right(reader, tracks):
    return count_right(reader, tracks)


def test_synthetic_tracks(name, right):
    assert right >= LEAST[name][0]


def test_a_frame_of_another_car_costs_few_tracks(reader, tracks, right):
    """The third of five frames is the next track's."""
    others = [frames for _, frames in tracks[1:] + tracks[:1]]
    mixed = [(text, [*own[:2], other[2], *own[3:]]) for (text, own), other in zip(tracks, others, strict=True)]
    assert count_right(reader, mixed) >= right - 4


def test_equal_frames_give_what_one_of_them_gives(reader, tracks):
    """A frozen video: its one image lies much nearer to that of a frame than bicubic does."""
    for _, (frame, *_) in tracks[:4]:
        one, five = reader.enhance(frame).astype(float), reader.enhance_track([frame] * 5).astype(float)
        height, width, _ = one.shape
        bicubic = np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC), float)
        assert np.abs(five - one).mean() < 0.5 * np.abs(bicubic - one).mean()


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
