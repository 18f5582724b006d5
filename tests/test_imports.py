"""Imports point one way, and reading a plate needs no training package."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]

# What each part may import of the others. GROUND is what all stand on.
GROUND = {
    "plates",
    "images",
    "frames",
    "registration",
    "resampling",
    "errors",
    "escape",
    "witnesses",
    "wording",
    "runtime",
    "signals",
    "pictures",
}
ALLOWED = {
    "dcnv4_jax": set(),
    "plates": {"errors", "wording"},
    "escape": set(),
    "witnesses": set(),
    "wording": set(),
    "errors": {"escape"},
    "images": {"resampling"},
    "frames": {"errors"},
    "registration": set(),
    "resampling": set(),
    "pictures": {"images"},
    "signals": set(),
    "runtime": {"errors", "signals"},
    "data": GROUND,
    "synthetic": GROUND,
    "losses": GROUND,
    "models": GROUND | {"dcnv4_jax"},
    "weights": GROUND | {"models"},
    "reading": GROUND | {"dcnv4_jax", "models", "weights"},
    "evaluation": GROUND | {"data", "synthetic", "losses", "models", "weights", "reading"},
    "training": GROUND | {"data", "losses", "models", "weights", "evaluation"},
    "commands": GROUND | {"data", "synthetic", "models", "losses", "weights", "reading", "evaluation", "training", "lpasrn_jax"},
    "serve": GROUND | {"models", "weights", "reading", "lpasrn_jax"},
    "lpasrn_jax": {"errors", "reading"},
    "__main__": {"commands", "signals"},
    "configs": GROUND | {"configs", "data", "models", "training"},
}
ALLOWED["scripts"] = ALLOWED["commands"] | {"commands", "dcnv4_jax", "lpasrn_jax"}
TRAINING_PACKAGES = {
    "tensorflow",
    "tensorflow_datasets",
    "grain",
    "clu",
    "optax",
    "orbax",
    "tensorstore",
    "ml_collections",
    "dm_pix",
    "matplotlib",
    "rapidfuzz",
}


def part_of(module: str) -> str | None:
    """The part of the project that a module belongs to, None for a module of somebody else's."""
    names = module.split(".")
    if names[0] == "lpasrn_jax":
        return names[1] if len(names) > 1 else "lpasrn_jax"
    return names[0] if names[0] in ("dcnv4_jax", "configs", "scripts", "tests", "parity") else None


def imported_modules(source: str, *, top_level_only: bool = False) -> set[str]:
    """Every module that a file imports; `from lpasrn_jax import images` counts as `lpasrn_jax.images`."""
    tree = ast.parse(source)
    found = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where an arrow points"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def wrong_arrows(part: str, source: str) -> set[str]:
    """Parts that a file of `part` imports and may not."""
    parts = {part_of(module) for module in imported_modules(source)} - {None, part}
    return parts - ALLOWED[part]


def project_files() -> list[tuple[str, pathlib.Path]]:
    files = [
        *ROOT.glob("lpasrn_jax/**/*.py"),
        *ROOT.glob("kernels/dcnv4_jax/**/*.py"),
        *ROOT.glob("configs/**/*.py"),
        *ROOT.glob("scripts/*.py"),
    ]
    modules = [(".".join(file.relative_to(ROOT).with_suffix("").parts).removeprefix("kernels."), file) for file in files]
    return [(part_of(module.removesuffix(".__init__")), file) for module, file in modules]


@pytest.mark.parametrize(("part", "file"), project_files(), ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_arrows_point_down(part, file):
    assert wrong_arrows(part, file.read_text()) == set()


@pytest.mark.parametrize(("part", "line", "wrong"), [
    ("data", "from lpasrn_jax.models import generator", "models"),
    ("losses", "from lpasrn_jax.models.generator import Generator", "models"),
    ("synthetic", "import lpasrn_jax.data.tracks", "data"),
    ("models", "from lpasrn_jax import training", "training"),
    ("dcnv4_jax", "from lpasrn_jax.plates import ALPHABET", "plates"),
    ("reading", "def late():\n    from lpasrn_jax.evaluation import metrics", "evaluation"),
    ("reading", "from lpasrn_jax.data import tracks", "data"),
    ("reading", "from lpasrn_jax.commands import sources", "commands"),
    ("frames", "from lpasrn_jax.data import tracks", "data"),
    ("training", "from lpasrn_jax.commands import training_flags", "commands"),
    ("training", "from scripts import train", "scripts"),
    ("training", "import tests.conftest", "tests"),
])  # fmt: skip
def test_a_reversed_arrow_is_seen(part, line, wrong):
    assert wrong_arrows(part, line) == {wrong}


def test_reading_imports_no_training_package():
    """Follows the imports that happen when lpasrn_jax.load is; those inside functions happen only when needed."""
    seen, waiting = set(), {"lpasrn_jax", "lpasrn_jax.reading.load"}
    while waiting:
        module = waiting.pop()
        seen.add(module)
        for file in (ROOT / f"{module.replace('.', '/')}.py", ROOT / module.replace(".", "/") / "__init__.py"):
            if file.exists():
                for imported in imported_modules(file.read_text(), top_level_only=True):
                    assert imported.split(".")[0] not in TRAINING_PACKAGES, f"{file} imports {imported}"
                    if part_of(imported):
                        waiting |= {imported, imported.rpartition(".")[0]} - seen
    assert "lpasrn_jax.models.generator" in seen


def test_reading_a_plate_works_without_the_training_packages(tmp_path):
    """In a process of its own, where importing any of them fails, a plate is enhanced and read."""
    from lpasrn_jax.weights.bundle import save_bundle
    from tests.random_bundle import random_bundle

    path = save_bundle(tmp_path / "lite", random_bundle())
    blocked = sorted(TRAINING_PACKAGES)
    script = f"""
import sys
for name in {blocked}:
    sys.modules[name] = None
import numpy as np
import lpasrn_jax as lp
reader = lp.load({str(path)!r})
image = np.zeros((9, 25, 3), np.uint8)
print(reader.read_track([image, image]).text, reader.enhance(image).shape)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("(18, 50, 3)")
