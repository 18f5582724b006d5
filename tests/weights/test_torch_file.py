"""PyTorch files by other hands: only plain tensors of a bearable size come out, whatever a file declares."""

from __future__ import annotations

import pickle
import re
import zipfile

import numpy as np
import pytest
import safetensors.numpy

from lpasrn_jax.errors import UserError
from lpasrn_jax.weights.torch_file import read_tensors
from lpasrn_jax.weights.torch_names import fold_batch_norm

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `parity`)")


def compressed(path):
    """100 MB of zeros in an archive that is compressed, which PyTorch reads though it never writes it."""
    torch.save({"w": torch.zeros(25_000_000)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def with_byte(path, offset, value):
    """An archive with one byte of its directory changed."""
    torch.save({"w": torch.zeros(2)}, path)
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + offset] = value
    path.write_bytes(content)


def views(count):
    stored = torch.zeros(1000, 1000)
    return {f"w{i}": stored for i in range(count)}


STATES = {  # (what is saved, what the error says)
    "stride 0": (
        lambda: {"w": torch.zeros(1).expand(100_000, 100_000)},
        "w is 100000 x 100000, 40000000000 bytes, of which 4 are",
    ),
    "600 views of one storage": (lambda: views(600), "as float32: 2400000000 bytes found; expected at most 2147483648"),
    "sparse": (lambda: {"w": torch.eye(4).to_sparse()}, "w is not a plain tensor"),
    "without values": (lambda: {"w": torch.zeros(3, device="meta")}, "w is not a plain tensor"),
    "complex": (lambda: {"w": torch.ones(3, dtype=torch.complex64)}, "w is complex64; expected real numbers"),
    "too large for float32": (lambda: {"w": torch.full((3,), 1e300, dtype=torch.float64)}, "w holds values that are not finite"),
    "number as key": (lambda: {1: torch.ones(3)}, "entries 1 found; expected 'generator_state_dict'"),
}
FILES = {
    "compressed": (compressed, "unpacks to 100000.* bytes, but has"),
    "name not UTF-8": (lambda path: with_byte(path, 46, 0xFF), "not a whole PyTorch file"),
    "archive version 24": (lambda path: with_byte(path, 6, 240), "not a whole PyTorch file"),
    "endless pickle": (lambda path: path.write_bytes(pickle.dumps([])[:-1] + b"]" * 1000), "not a PyTorch file"),
}


@pytest.mark.parametrize("kind", STATES)
def test_tensors_that_are_not_plain_are_refused(tmp_path, kind):
    make, message = STATES[kind]
    torch.save(make(), tmp_path / "best.pth")
    with pytest.raises(UserError, match=f"best.pth.*{message}"):
        read_tensors(tmp_path / "best.pth")


@pytest.mark.parametrize("kind", FILES)
def test_files_that_torch_save_never_writes_are_refused(tmp_path, kind):
    make, message = FILES[kind]
    make(tmp_path / "best.pth")
    with pytest.raises(UserError, match=f"best.pth: {message}"):
        read_tensors(tmp_path / "best.pth")


def test_a_parameter_that_wants_gradients_is_read(tmp_path):
    torch.save({"module.w": torch.nn.Parameter(torch.ones(3))}, tmp_path / "best.pth")
    np.testing.assert_array_equal(read_tensors(tmp_path / "best.pth")["w"], np.ones(3, np.float32))


def test_complex_safetensors_are_refused(tmp_path):
    safetensors.numpy.save_file({"w": np.ones(3, np.complex64)}, tmp_path / "best.safetensors")
    with pytest.raises(UserError, match="w is complex64; expected real numbers"):
        read_tensors(tmp_path / "best.safetensors")


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_file_over_the_limit_is_not_read(tmp_path, ending):
    with open(tmp_path / f"best{ending}", "wb") as file:
        file.truncate(2**31 + 1)  # a hole: no disk is used
    with pytest.raises(UserError, match="2147483649 bytes found; expected at most 2147483648"):
        read_tensors(tmp_path / f"best{ending}")


@pytest.mark.parametrize(("change", "message"), [
    ({"bn1.weight": None}, "bn1: a batch normalisation of shapes {'weight': None, 'bias': (2,)"),
    ({"bn1.bias": np.zeros(3, np.float32)}, "'bias': (3,)"),
    ({"bn1.running_var": np.float32([1, -1])}, "bn1: a batch normalisation of negative variance"),
])  # fmt: skip
def test_a_batch_normalisation_that_is_none(change, message):
    whole = {f"bn1.{part}": np.ones(2, np.float32) for part in ("weight", "bias", "running_mean", "running_var")}
    tensors = {key: value for key, value in (whole | change).items() if value is not None}
    with pytest.raises(UserError, match=re.escape(message)):
        fold_batch_norm(tensors)
