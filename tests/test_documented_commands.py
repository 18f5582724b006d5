"""Every command line and every piece of Python in the documentation runs as it stands there, in a folder with the files it names.

Sizes are reduced by flags that are added at its end. What is not run stands in PARSED with the reason; `pytest -v` on this file
lists what ran, and what did not.
"""

import contextlib
import functools
import json
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import types

import pytest
from absl import flags, logging

from lpasrn_jax.commands import training_flags
from lpasrn_jax.commands.main import main
from lpasrn_jax.signals import STOPPING
from tests import documented, small_networks
from tests.desk import lay_out, write_pytorch_weights

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # ml_collections loads config files with it

PARSED = {  # how a line begins, and why it is not run here
    "make ": "installs an environment of its own; `make test` is what continuous integration runs",
    "pip ": "changes the environment that the tests run in",
    "pytest ": "is these tests",
    "PARITY_TABLE=1 pytest ": "is these tests, and writes a page",
    "cmake ": "builds the library that the tests are using",
    "LD_PRELOAD=": "tests the library that the lines before it build",
    "python -m dcnv4_jax.gpu_check": "needs a GPU; tests/dcnv4/test_commands.py rehearses it",
    "python -m dcnv4_jax.tune": "needs a GPU; tests/dcnv4/test_commands.py says what happens without one",
    "python scripts/bench.py train": "times many processes, too; parity/test_bench_training.py runs it at a tiny size",
    "python scripts/bench.py data": "times steps that compile for minutes; tests/training/test_devices.py tests its parts",
    "JAX_NUM_CPU_DEVICES=4 python scripts/bench.py data": "is the same on four devices",
    "python -m tests.": "trains for the better part of an hour; tests/training does so in the small",
    "python scripts/bench.py model": "times many processes, PyTorch's among them, for minutes",
    "python scripts/train.py --config configs/stage2.py --workdir /shared": "needs a cluster; test_training_scripts.py does it",
    "python scripts/evaluate.py --checkpoint checkpoints/lp_asrn/best.pth": "is the PyTorch version's",
    "DATA=": "needs Slurm; tests/test_examples.py runs the script with an srun of its own",
    "docker ": "needs Docker; tests/test_examples.py checks the file",
    "kubectl ": "needs a cluster; tests/test_examples.py checks the file",
    "tensorboard ": "is TensorBoard's own; tests/training/test_tensorboard.py looks at what it shows",
    "lpasrn export --checkpoint runs/a/best --calibrate-on": "needs weights that read; see tests/evaluation/test_recalibrate.py",
    "lpasrn results": "measures for half an hour; tests/commands/test_results.py runs it on four tracks",
    ".venv-onnx/bin/lpasrn": "needs an environment of its own; tests/weights/test_onnx_export.py runs there",
    "python examples/read_onnx.py": "needs an environment of its own; tests/weights/test_onnx_export.py runs there",
}
SERVED = ("lpasrn serve", "curl ")  # what the test of the server runs
COMMANDS = documented.commands()
SNIPPETS = documented.snippets()
RUN = [line for line in COMMANDS if not line.startswith((*PARSED, *SERVED))]
ALL_STAGES = "python scripts/train_progressive.py --stage all --workdir runs/a --config.data.root=data/train"
TRAINING = [
    *small_networks.ALL,
    "--config.model.growth=4",
    "--config.model.dense_layers=1",
    "--config.model.deform_groups=2",
    "--config.model.msca_scales=(0.5,)",
    "--config.loss.use_lightweight_embedder=True",
    "--config.loss.embedding_dim=16",
    "--config.data.num_workers=0",
    "--config.data.augment.enabled=False",
    "--config.train.batch_size=8",
    "--config.stage.epochs=1",
    "--config.stage.warmup_epochs=0.0",
    "--tensorboard=false",
]
SMALLER = {  # what is added to a line that has this in it
    "scripts/train": TRAINING,
    "--config.plates": ["--stage=0", "--config.data.root=data/old_and_new"],
    "make_tracks": ["--tracks=3", "--workers=1"],
    "make-tracks": ["--tracks=3", "--workers=1"],
    "scripts/export": ["--check-tracks=0"],
    "inspect_data": ["--rows=1"],
    "dcnv4_jax.convolution_bench": ["--sizes=1,4,6,16,16", "--rounds=1", "--seconds=0.001"],
    "dcnv4_jax.bench": ["--workloads=one-pixel", "--rounds=1", "--seconds=0.001"],
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with what the documentation's readers have: tracks, images, a photograph, a video, and a run of all stages."""
    desk = tmp_path_factory.mktemp("desk")
    lay_out(desk)
    with contextlib.chdir(desk):
        run(ALL_STAGES)
    for name in ("quickstart", "1", "1-lcofl", "2"):
        (desk / "runs" / name).symlink_to("a")
    (desk / "runs/a/tracks").symlink_to(desk / "data/train")
    return desk


@pytest.fixture
def here(desk, tmp_path, monkeypatch):
    """A working folder of its own with links to what is on the desk."""
    for source in [*desk.glob("*.*"), *desk.glob("*/*")]:
        target = tmp_path / source.relative_to(desk)
        target.parent.mkdir(exist_ok=True)
        target.symlink_to(source)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextlib.contextmanager
def process_of(argv):
    """Inside it, the process's arguments are these; after it, what a script has set up is gone."""
    verbosity, handlers = logging.get_verbosity(), {number: signal.getsignal(number) for number in STOPPING}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", argv)
        patch.setenv("GLIBC_TUNABLES", "")  # or training starts this process again
        try:
            yield
        finally:
            for name in [*flags.FLAGS]:
                if name.startswith("config.") or flags.FLAGS.find_module_defining_flag(name) in (
                    training_flags.__name__,
                    argv[0],
                ):
                    delattr(flags.FLAGS, name)
            logging.set_verbosity(verbosity)
            for number, handler in handlers.items():
                signal.signal(number, handler)


def run(line, *more):
    """The line in this process, where everything has been imported already, with the flags that make it smaller, and `more`."""
    added = [flag for part, smaller in SMALLER.items() if part in line for flag in smaller] + [*more]
    program, *words = [*shlex.split(line), *added]
    as_main = {"run_name": "__main__"}
    if program == "lpasrn":
        start = functools.partial(main, words)
    elif words[0] == "-c":
        start = functools.partial(exec, words[1], {})
    elif words[0] == "-m":
        start = functools.partial(runpy.run_module, words.pop(1), **as_main)
        sys.modules.pop(start.args[0], None)  # runpy warns of a module that another test has imported
    else:
        start = functools.partial(runpy.run_path, words[0], **as_main)
    with process_of(words):
        try:
            start()
        except SystemExit as ended:
            assert not ended.code  # noqa: PT017


def outputs(line, here):
    """What the line writes: not there yet, but for a run that it continues, of which it gets a copy."""
    for option, name in re.findall(r"(--out|-o|--fused|--workdir) (\S+)", line):
        written = here / name
        if written.is_symlink():
            source = written.resolve()
            written.unlink()
            if option == "--workdir" and "init_from" not in line:
                shutil.copytree(source, written, symlinks=True)
        yield written


@pytest.mark.parametrize("line", [pytest.param(line, id=line) for line in RUN])
def test_a_command_runs(line, here):
    if line == ALL_STAGES:  # by which the run on the desk was made
        assert (here / "runs/a/best").exists()
        return
    if "best.pth" in line:
        write_pytorch_weights(here / "best.pth")
    written = [*outputs(line, here)]
    run(line)
    assert all(path.exists() for path in written)


def quickstart_lines():
    """The scripts that `make quickstart` runs, with their flags."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    dry = ["make", "--dry-run", "--always-make", "quickstart"]
    printed = subprocess.run(dry, cwd=documented.ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    return [line.strip() for line in printed.replace("\\\n", " ").splitlines() if " scripts/" in line]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_scripts_of_make_quickstart_run(tmp_path, monkeypatch):
    lines = quickstart_lines()
    assert [re.search(r"scripts/(\w+)", line)[1] for line in lines] == ["make_tracks", "train_progressive", "evaluate"]
    for name in ("configs", "scripts"):
        (tmp_path / name).symlink_to(documented.ROOT / name)
    monkeypatch.chdir(tmp_path)
    for line in lines:
        run(line, *(["--tracks=12"] if "make_tracks" in line else []))
    assert {"report.md", "metrics.json"} <= {path.name for path in (tmp_path / "runs/quickstart").iterdir()}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_server_answers(here):
    requests = [line for line in COMMANDS if line.startswith("curl ")]
    assert requests
    command = [sys.executable, "-m", "lpasrn_jax", "serve", "--port=0", "--checkpoint=lite"]
    patience = ["--fail", "--silent", "--max-time", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://[\d.:]+", server.stdout.readline())[0]
            for line in requests:
                curl = shlex.split(line.replace("http://127.0.0.1:8018", address))
                said = subprocess.run([*curl, *patience], capture_output=True, text=True, check=True).stdout
                assert json.loads(said)["is_plate"]
        finally:
            server.terminate()
            try:
                assert server.wait(60) == 128 + signal.SIGTERM
            finally:
                server.kill()


@pytest.mark.parametrize("name", SNIPPETS)
def test_python_runs(name, here, monkeypatch):
    box = types.SimpleNamespace(x1=412, y1=300, x2=508, y2=334)
    detector = types.SimpleNamespace(predict=lambda photo: [types.SimpleNamespace(bounding_box=box)])
    module = types.SimpleNamespace(LicensePlateDetector=lambda detection_model: detector)
    monkeypatch.setitem(sys.modules, "open_image_models", module)  # which is no part of this project
    exec(SNIPPETS[name].replace(", 300, seed", ", 3, seed"), {})


@pytest.mark.parametrize("start", PARSED)
def test_a_command_that_is_not_run_is_one_of_the_pages(start):
    assert [line for line in COMMANDS if line.startswith(start)]
