"""The two packages of this repository: what they hold, that they share no file, and that each works without the other."""

import filecmp
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile

import pytest

import lpasrn_jax

ROOT = pathlib.Path(__file__).parents[1]
PROJECTS = {"lpasrn_jax": ROOT, "dcnv4_jax": ROOT / "kernels"}

# Imports from the folders that are given, and not from the checkout that these tests run in.
ELSEWHERE = f"""
import sys
import numpy as np
sys.meta_path = [finder for finder in sys.meta_path if "ScikitBuild" not in type(finder).__name__]
sys.path = sys.argv[1:] + [path for path in sys.path if path not in {[str(ROOT), str(ROOT / "kernels")]}]
"""


def build(project: pathlib.Path, what: str, folder: pathlib.Path, cmake: bool = False) -> pathlib.Path:
    """Builds a "wheel" or an "sdist", always without the native library, which takes a minute."""
    settings = {"wheel.cmake": str(cmake).lower()}
    script = f"import scikit_build_core.build as backend; print(backend.build_{what}({str(folder)!r}, {settings}))"
    environment = {**os.environ, "CXX": "no-such-compiler"}
    done = subprocess.run([sys.executable, "-c", script], cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    return {name: zipfile.ZipFile(build(project, "wheel", folder)) for name, project in PROJECTS.items()}


@pytest.fixture(scope="module")
def installed(wheels, tmp_path_factory):
    """Where each is unpacked, as an installation does."""
    folders = {name: tmp_path_factory.mktemp(name) for name in wheels}
    for name, wheel in wheels.items():
        wheel.extractall(folders[name])
    return folders


def run(code: str, *paths: pathlib.Path) -> str:
    command = [sys.executable, "-c", ELSEWHERE + code, *map(str, paths)]
    done = subprocess.run(command, cwd=paths[0], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_no_file_belongs_to_both(wheels):
    assert not set(wheels["lpasrn_jax"].namelist()) & set(wheels["dcnv4_jax"].namelist())
    for name, wheel in wheels.items():
        assert {file.split("/")[0] for file in wheel.namelist()} == {name, f"{name}-0.1.0.dist-info"}
        assert not any(file.endswith(".so") for file in wheel.namelist())  # that of the checkout
        assert not any("results/" in file for file in wheel.namelist())


READ = "import lpasrn_jax.models.deform, dcnv4_jax; print(dcnv4_jax.__file__)"


def test_lpasrn_jax_works_alone_on_what_it_carries(installed):
    used = pathlib.Path(run(READ, installed["lpasrn_jax"]))
    assert used == installed["lpasrn_jax"] / "lpasrn_jax/_vendor/dcnv4_jax/__init__.py"


def test_lpasrn_jax_uses_the_dcnv4_jax_that_is_installed(installed):
    used = pathlib.Path(run(READ, installed["lpasrn_jax"], installed["dcnv4_jax"]))
    assert used == installed["dcnv4_jax"] / "dcnv4_jax/__init__.py"


def test_dcnv4_jax_works_alone_and_without_flax(installed):
    code = """
sys.modules["flax"] = sys.modules["lpasrn_jax"] = None
import dcnv4_jax
value, offset_mask = np.ones((1, 3, 3, 2), np.float32), np.ones((1, 3, 3, 27), np.float32)
print(dcnv4_jax.deform_conv(value, offset_mask, groups=1)[0, 1, 1], dcnv4_jax.__file__)
"""
    # Offsets of one pixel: of the nine taps, those of the last row and column read zeros.
    assert run(code, installed["dcnv4_jax"]) == f"[4. 4.] {installed['dcnv4_jax'] / 'dcnv4_jax/__init__.py'}"


@pytest.mark.parametrize("name", PROJECTS)
def test_the_licence_is_in_wheel_and_sdist(name, wheels, tmp_path):
    text = (ROOT / "LICENSE").read_bytes()
    (in_wheel,) = [file for file in wheels[name].namelist() if file.endswith("dist-info/licenses/LICENSE")]
    assert wheels[name].read(in_wheel) == text
    with tarfile.open(build(PROJECTS[name], "sdist", tmp_path)) as sdist:
        assert sdist.extractfile(f"{name}-0.1.0/LICENSE").read() == text
        assert any(file.endswith("native/kernels.cc") for file in sdist.getnames())
        assert not any(file.endswith(".so") for file in sdist.getnames())
        assert not any("kernels/results/" in file or f"{name}-0.1.0/results/" in file for file in sdist.getnames())


@pytest.mark.skipif(shutil.which("cmake") is None, reason="CMake is not installed")
@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_is_of_a_platform_and_of_any_python(name, tmp_path):
    _, _, python, abi, platform = build(PROJECTS[name], "wheel", tmp_path, cmake=True).stem.split("-")
    assert (python, abi) == ("py3", "none")
    assert platform.split("_")[0] == re.split(r"[-_.]", sysconfig.get_platform())[0]


TYPED = """
from dcnv4_jax import available, deform_conv
reveal_type(available())
deform_conv(None, None, groups="four")
"""


def test_mypy_sees_the_types_of_an_installed_package(wheels, tmp_path):
    venv.create(tmp_path / "venv", with_pip=False)
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    wheels["dcnv4_jax"].extractall(packages)
    (tmp_path / "typed.py").write_text(TYPED)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--no-incremental",
        f"--python-executable={tmp_path / 'venv/bin/python'}",
        "typed.py",
    ]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert "dict[str, dcnv4_jax.api.Availability]" in said.replace("builtins.", "")
    assert 'Argument "groups" to "deform_conv" has incompatible type "str"; expected "int"' in said


def test_what_lpasrn_jax_carries_finds_its_dependencies():
    lpasrn, dcnv4 = (tomllib.loads((project / "pyproject.toml").read_text())["project"] for project in PROJECTS.values())
    assert {*dcnv4["dependencies"], *dcnv4["optional-dependencies"]["flax"]} <= set(lpasrn["dependencies"])
    assert set(dcnv4["optional-dependencies"]["cuda"]) <= set(lpasrn["optional-dependencies"]["cuda"])


def test_the_copy_of_the_licence_is_the_same():
    assert filecmp.cmp(ROOT / "LICENSE", ROOT / "kernels/LICENSE", shallow=False)


@pytest.mark.parametrize(
    ("platform", "identifiers"),
    [("linux", {"cp311-manylinux_x86_64", "cp311-manylinux_aarch64"}), ("macos", {"cp311-macosx_arm64"})],
)
def test_cibuildwheel_reads_its_configuration(platform, identifiers):
    command = [sys.executable, "-m", "cibuildwheel", "--platform", platform, "--print-build-identifiers", "kernels"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == identifiers


def test_the_wheel_brings_the_command_and_its_version(wheels):
    wheel = wheels["lpasrn_jax"]
    (entry_points,) = [file for file in wheel.namelist() if file.endswith("entry_points.txt")]
    assert "lpasrn = lpasrn_jax.__main__:main" in wheel.read(entry_points).decode()
    assert f"lpasrn_jax-{lpasrn_jax.__version__}.dist-info/METADATA" in wheel.namelist()
