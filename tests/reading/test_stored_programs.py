"""A program that one process has compiled and stored, as the next one finds it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

import dcnv4_jax
from lpasrn_jax import runtime
from lpasrn_jax.reading.stored_programs import StoredProgram

X = np.arange(6.0, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of stored programs, with JAX's cache where the package would have it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(runtime.platformdirs, "user_cache_path", lambda name, **_: tmp_path / name)
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(runtime.cache_folder()))
    compilation_cache.reset_cache()  # or JAX goes on using the folder that it used first
    yield runtime.cache_folder() / "programs"
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


class Counted:
    """A program like those of another process, and how often its function was traced."""

    def __init__(self, identity="scaled", scale=2.0):
        self.traced = 0
        self.scale = {"scale": jnp.float32(scale)}
        self.program = StoredProgram(self._compute, self.scale, identity)

    def _compute(self, params, x):
        self.traced += 1
        value = jnp.concatenate([x, jnp.ones((len(x), 1), x.dtype)], axis=1)[None, :, :, None].repeat(4, axis=-1)
        offsets = jnp.full((*value.shape[:3], 27), 0.25)
        return params["scale"] * x, dcnv4_jax.deform_conv(value, offsets, groups=1)

    def __call__(self, x=X):
        scaled, convolved = self.program(x)
        np.testing.assert_array_equal(scaled, float(self.scale["scale"]) * x)
        return np.asarray(convolved)


def files(folder):
    return sorted(path.name for path in folder.glob("*"))


def test_the_next_process_computes_the_same_without_tracing(folder):
    first, second = Counted(), Counted()
    convolved = first()
    assert (first.traced, len(files(folder))) == (1, 1)
    np.testing.assert_array_equal(second(), convolved)
    second()
    assert second.traced == 0
    other = Counted(scale=3.0)  # parameters are arguments
    other()
    assert other.traced == 0


def test_each_function_and_each_set_of_shapes_has_its_own(folder):
    Counted()()
    other, longer = Counted("another"), Counted()
    other(), longer(np.concatenate([X, X]))
    assert (other.traced, longer.traced, len(files(folder))) == (1, 1, 3)


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_damaged_program_is_compiled_anew_and_replaced(folder, keep):
    Counted()()
    (path,) = folder.glob("*")
    content = path.read_bytes()
    path.write_bytes(content[:keep])
    damaged, whole = Counted(), Counted()
    damaged(), whole()
    assert (damaged.traced, whole.traced, len(files(folder))) == (1, 0, 1)


def test_a_file_that_others_can_write_is_replaced(folder):
    Counted()()
    (path,) = folder.glob("*")
    path.chmod(0o666)
    program = Counted()
    program()
    assert (program.traced, path.stat().st_mode & 0o777) == (1, 0o644)


def test_a_folder_that_others_can_write_is_not_used(folder):
    Counted()()
    (path,) = folder.glob("*")
    content = path.stat()
    folder.chmod(0o777)
    program = Counted()
    program()
    assert program.traced == 1
    assert path.stat() == content


def test_nothing_is_stored_where_the_cache_is_elsewhere(folder, tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "elsewhere"))
    program = Counted()
    program()
    assert (program.traced, folder.exists()) == (1, False)


def test_a_folder_that_cannot_be_made_is_no_error(folder):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file in its place")
    program = Counted()
    program()
    assert program.traced == 1
