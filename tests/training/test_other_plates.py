"""Plates that are not Brazilian, of two lengths and another alphabet: made, trained on, judged and read."""

import numpy as np
import pytest
from PIL import Image

import lpasrn_jax as lp
from lpasrn_jax.commands.training_flags import load_config
from lpasrn_jax.evaluation.evaluate import evaluate
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.synthetic.tracks import write_tracks
from lpasrn_jax.training.loop import train_and_evaluate

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # ml_collections loads config files with it

PLATES = PlateFormat.create("0123ABCDEH", {"Long": "VNNLA", "Short": "LNN"}, {"V": "AE"})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("plates")
    write_tracks(root, 24, seed=3, plate_format=PLATES)
    return root


@pytest.fixture(scope="module")
def workdir(root, tmp_path_factory):
    """A run of joint training from random parameters: every loss that reads, in one stage."""
    workdir = tmp_path_factory.mktemp("run")
    overrides = ["--config.plates.alphabet=0123ABCDEH", "--config.plates.kinds.V=AE"]
    overrides += ["--config.plates.layouts.Long=VNNLA", "--config.plates.layouts.Short=LNN", "--config.data.val_split=0.3"]
    config = load_config("configs/stage3.py:quick", overrides)
    assert PlateFormat.create(**config.plates) == PLATES
    config.data.update(root=str(root), tfds_dir=str(workdir / "tfds"), lr_size=(8, 24))
    config.model.update(features=8, num_rrdb_blocks=1, growth=4, dense_layers=1, deform_groups=2, msca_num_prototypes=4)
    config.model.ocr.update(widths=(8, 8, 16, 16), blocks_per_stage=1, transformer_layers=1, heads=2)
    config.stage.update(networks=("generator", "ocr"), frozen=(), after=dict(name="", config=""))
    config.train.batch_size = 8
    assert train_and_evaluate(config, str(workdir))["finished"]
    return workdir


def test_they_are_read_in_one_of_the_layouts(workdir, root):
    reader = lp.load(workdir / "best")
    assert reader.plate_format == PLATES
    frames = [np.asarray(Image.open(path)) for path in sorted(root.glob("*/*/track_00001/lr-*"))]
    for layout, length in ((None, None), ("Long", 5), ("Short", 3)):
        reading = reader.read_track(frames, layout=layout)
        assert reading.layout == (layout or reading.layout)
        assert PLATES.fits(reading.text, reading.layout)
        assert len(reading.text) == len(reading.slots) == len(reading.runners_up) == (length or len(reading.text))
        assert 0 <= reading.confidence <= np.prod([probability for _, probability in reading.slots]) * (1 + 1e-6)


def test_they_are_judged(workdir, root, tmp_path):
    found = evaluate(str(workdir / "best"), str(root), str(tmp_path), split="val", tfds_dir=str(workdir / "tfds"))
    assert set(found["by_layout"]) <= {"Long", "Short"}
    assert 0 <= found["word_acc"]["sr"] <= found["char_acc"]["sr"] <= 1
    assert (tmp_path / "confusions.png").exists()
