"""Enhancing one image, whatever it comes as."""

import numpy as np
import pytest
from PIL import Image

import lpasrn_jax as lp
from lpasrn_jax.errors import UserError
from lpasrn_jax.weights.bundle import save_bundle
from lpasrn_jax.weights.load import load_weights


@pytest.fixture(scope="module")
def reader(trained):
    return lp.load(trained / "best")


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (9, 31, 3), np.uint8)


def test_any_size_comes_out_twice_as_large(reader, image):
    sr = reader.enhance(image)
    assert (sr.shape, sr.dtype, reader.scale) == ((18, 62, 3), np.uint8, 2)
    assert sr.std() > 0


def test_a_file_a_pil_image_and_an_array_are_the_same(reader, image, tmp_path):
    Image.fromarray(image).save(tmp_path / "plate.png")
    from_array = reader.enhance(image)
    np.testing.assert_array_equal(reader.enhance(tmp_path / "plate.png"), from_array)
    np.testing.assert_array_equal(reader.enhance(str(tmp_path / "plate.png")), from_array)
    np.testing.assert_array_equal(reader.enhance(Image.fromarray(image)), from_array)


@pytest.mark.parametrize("array", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), np.uint8)])
def test_another_kind_of_array_is_refused(reader, array):
    with pytest.raises(UserError, match="expected uint8"):
        reader.enhance(array)


def test_a_file_that_is_no_image(reader, tmp_path):
    (tmp_path / "plate.png").write_text("no image")
    with pytest.raises(UserError, match=r"plate\.png: can't be read as an image"):
        reader.enhance(tmp_path / "plate.png")


def test_a_folder_of_a_run_gives_its_best_checkpoint(trained, image, reader):
    np.testing.assert_array_equal(lp.load(trained).enhance(image), reader.enhance(image))


def test_a_bundle_gives_the_same_image_as_its_checkpoint(trained, image, reader, tmp_path):
    path = save_bundle(tmp_path / "plates", load_weights(trained / "best"))
    np.testing.assert_array_equal(lp.load(path).enhance(image), reader.enhance(image))
