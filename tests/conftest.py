"""What all tests share: four CPU devices, one small set of synthetic tracks."""

import jax
import numpy as np
import pytest

jax.config.update("jax_num_cpu_devices", 4)


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory):
    """What one test compiles, the others and the other workers need not."""
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.getbasetemp().parent / "xla"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def tracks_root(tmp_path_factory):
    """Forty synthetic tracks of both scenarios and layouts."""
    from lpasrn_jax.synthetic.tracks import write_tracks

    root = tmp_path_factory.mktemp("tracks")
    write_tracks(root, 40, seed=5, workers=1)
    return root


@pytest.fixture(scope="session")
def tfds_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture
def tiny_config(tracks_root, tfds_dir):
    """Stage 1 with the smallest network that has every part, on the shared tracks: 2 epochs of about 10 steps."""
    return _tiny_config(tracks_root, tfds_dir)


@pytest.fixture(scope="session")
def trained(tracks_root, tfds_dir, tmp_path_factory):
    """The workdir of an uninterrupted run of the tiny config; read it, do not write into it."""
    from lpasrn_jax.training.loop import train_and_evaluate

    workdir = tmp_path_factory.mktemp("trained")
    train_and_evaluate(_tiny_config(tracks_root, tfds_dir), str(workdir))
    return workdir


def _tiny_config(tracks_root, tfds_dir):
    from configs import stage1

    config = stage1.get_config("quick")
    config.data.update(root=str(tracks_root), tfds_dir=str(tfds_dir), val_split=0.1, lr_size=(8, 24))
    config.model.update(features=8, num_rrdb_blocks=1, growth=4, dense_layers=1, deform_groups=2, msca_num_prototypes=4)
    config.train.update(log_every_steps=4)
    config.data.augment.enabled = True
    config.stage.epochs = 2
    return config
