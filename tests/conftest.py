"""What all tests share: four CPU devices, the cache of compiled programs, one small set of synthetic tracks, a browser."""

import functools
import gc
import importlib
import os
import pathlib
import shutil
import time

import jax
import numpy as np
import pytest
from jaxtyping import install_import_hook

# Programs that run for milliseconds compile faster without LLVM's optimisation and, where XLA still has them, with the older
# emitters of fused loops: JAX 0.10.2 has, 0.12 ends the process at the flag. XLA_FLAGS="" leaves everything as it comes; the
# variable is read when JAX first computes, here and in the commands that the tests start.
QUICK_TO_COMPILE = ["--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true"]
if jax.__version_info__ < (0, 11):
    QUICK_TO_COMPILE.append("--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("XLA_FLAGS", " ".join(QUICK_TO_COMPILE))

gc.set_threshold(20_000, 10, 10)  # JAX does work of its own at each collection, and tracing allocates without end

jax.config.update("jax_num_cpu_devices", 4)

CACHES = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
# Every program is kept from one run of the tests to the next, here and in the commands that the tests start.
COMPILATION_CACHE = {
    "jax_compilation_cache_dir": os.environ.get("JAX_COMPILATION_CACHE_DIR", str(CACHES / "lpasrn_jax" / "tests")),
    "jax_persistent_cache_min_compile_time_secs": 0,
    "jax_remove_custom_partitioning_ptr_from_cache_key": True,
}
for name, value in COMPILATION_CACHE.items():
    jax.config.update(name, value)
    os.environ[name.upper()] = str(value)
LONGEST = (
    "test_documented_commands.py",
    "test_training_scripts.py",
    "test_devices.py",
    "test_stages.py",
    "test_bench_training.py",
    "test_loop.py",
    "test_agreement.py",
    "test_other_plates.py",
    "test_evaluate.py",
    "test_fused_images.py",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def pytest_addoption(parser):
    parser.addoption("--hostile", type=int, default=12, metavar="COUNT", help="inputs of each kind that tests/hostile tries")
    parser.addoption("--screenshots", metavar="DIR", help="take the documentation's pictures into this folder")
    parser.addoption("--shapes", action="store_true", help="check arrays against the shapes in the signatures")


def pytest_configure(config):
    if config.getoption("--shapes"):  # before anything of the project is imported
        importlib.import_module("tests.shapes")
        install_import_hook(["lpasrn_jax", "dcnv4_jax"], "tests.shapes.check_shapes")


def pytest_collection_modifyitems(items):
    """The files that take longest come first, so that no process of pytest-xdist is left alone with one at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def pytest_sessionstart(session):
    """Removes the programs that no test has needed for two weeks; the workers of pytest-xdist leave that to their parent."""
    if hasattr(session.config, "workerinput"):
        return
    folder, oldest = pathlib.Path(COMPILATION_CACHE["jax_compilation_cache_dir"]), time.time() - 14 * 24 * 3600
    for kernel in folder.glob("triton/*/__grp__*"):  # names all files of its folder
        if kernel.stat().st_atime < oldest:
            shutil.rmtree(kernel.parent, ignore_errors=True)
    for program in folder.glob("*-cache"):
        if program.stat().st_atime < oldest:
            program.unlink(missing_ok=True)


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
    """Stage 1 alone, without an OCR, with the smallest generator that has every part: 2 epochs of about 10 steps."""
    return _generator_alone(tracks_root, tfds_dir)


@pytest.fixture(scope="session")
def trained(tracks_root, tfds_dir, tmp_path_factory):
    """The workdir of an uninterrupted run of the tiny config; read it, do not write into it."""
    from lpasrn_jax.training.loop import train_and_evaluate

    workdir = tmp_path_factory.mktemp("trained")
    train_and_evaluate(_generator_alone(tracks_root, tfds_dir), str(workdir))
    return workdir


@pytest.fixture
def tiny_stage(tracks_root, tfds_dir):
    """Call it with the number of a stage, or a config's name, for it with the smallest networks: 1 epoch, the last stage 2."""
    return functools.partial(_tiny_stage, tracks_root, tfds_dir)


@pytest.fixture(scope="session")
def staged(tracks_root, tfds_dir, tmp_path_factory):
    """The workdir of all five tiny stages, one after the other; read it, do not write into it."""
    from lpasrn_jax.training.loop import train_and_evaluate

    workdir = tmp_path_factory.mktemp("staged")
    for number in range(5):
        train_and_evaluate(_tiny_stage(tracks_root, tfds_dir, number), str(workdir))
    return workdir


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; it is in the extra dev")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH; Debian has it as `apt-get install chromium`")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


def _generator_alone(tracks_root, tfds_dir):
    config = _tiny_stage(tracks_root, tfds_dir, 1)
    config.data.augment.enabled = True
    config.stage.update(networks=("generator",), frozen=(), after=dict(name="", config=""), epochs=2)
    config.train.best_metrics = ("psnr",)
    return config


def _tiny_stage(tracks_root, tfds_dir, stage):
    name = f"stage{stage}" if isinstance(stage, int) else stage
    config = importlib.import_module(f"configs.{name}").get_config("quick")
    # HR is 48 pixels wide: 12 CTC steps, as many as LLLNNNN may need.
    config.data.update(root=str(tracks_root), tfds_dir=str(tfds_dir), val_split=0.1, lr_size=(8, 24))
    config.model.update(features=8, num_rrdb_blocks=1, growth=4, dense_layers=1, deform_groups=2, msca_num_prototypes=4)
    config.model.skip = "bilinear"  # a bicubic one starts from a last layer of zeros: for a while the others hardly learn
    config.model.ocr.update(widths=(8, 8, 16, 16), blocks_per_stage=1, transformer_layers=1, heads=2)
    config.loss.embedding_dim = 16
    config.train.update(log_every_steps=4)
    config.stage.epochs = 2 if stage == 4 else 1
    return config
