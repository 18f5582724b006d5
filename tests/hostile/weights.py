"""Weights that a disk has damaged, that were cut in a download, or that somebody made to do harm."""

from __future__ import annotations

import hashlib
import json
import pathlib
import pickle
import shutil
import zipfile

import numpy as np

from tests.hostile.junk import JUNK, change_somewhere

EXTREMES = (np.nan, np.inf, 3e38, -3e38, 1e-45)


def write_hostile_bundle(source: pathlib.Path, folder: pathlib.Path, rng: np.random.Generator) -> pathlib.Path:
    """Copies a bundle with something wrong; `source` is its `.safetensors` file, the copy's is returned."""
    weights, card = folder / "model.safetensors", folder / "model.json"
    shutil.copy(source, weights)
    shutil.copy(source.with_suffix(".json"), card)
    kind = rng.integers(6)
    if kind == 0:
        _damage_bytes(weights, rng)
    elif kind == 1:
        _damage_bytes(card, rng)
    else:
        if kind in (2, 3, 4):
            fields = json.loads(card.read_text())
            for _ in range(rng.integers(1, 4)):
                change_somewhere(fields, rng)
            card.write_text(json.dumps(fields))
        else:
            _damage_tensors(weights, rng)
        _sign(weights, card, rng)
    return weights


def write_hostile_checkpoint(source: pathlib.Path, folder: pathlib.Path, rng: np.random.Generator) -> pathlib.Path:
    """Copies the folder of an Orbax checkpoint and damages one to three of its files and folders."""
    copy = pathlib.Path(shutil.copytree(source, folder / "checkpoint", symlinks=False))
    for _ in range(rng.integers(1, 4)):
        paths = sorted(copy.rglob("*"))
        path = paths[rng.integers(len(paths))]
        if path.is_dir():
            shutil.rmtree(path)
            if rng.random() < 0.3:
                path.write_bytes(b"")
        elif path.suffix == ".json" or path.name in ("metadata", "metrics", "_CHECKPOINT_METADATA"):
            path.write_text(json.dumps(JUNK[rng.integers(len(JUNK))]))
        elif rng.random() < 0.2:
            path.unlink()
        else:
            _damage_bytes(path, rng)
    return copy


def write_hostile_pickle(folder: pathlib.Path, rng: np.random.Generator) -> pathlib.Path:
    """A `.pth` file that `scripts/convert_torch.py` might be given; needs PyTorch."""
    import torch

    path = folder / "model.pth"
    kind = rng.integers(5)
    size = [int(side) for side in rng.integers(0, 9, rng.integers(0, 5))]
    tensor = torch.zeros(size, dtype=(torch.float32, torch.int8, torch.complex64, torch.bfloat16, torch.bool)[rng.integers(5)])
    keys = ("shallow_extractor.conv1.weight", "layer1.0.conv1.weight", "deep_extractor.blocks.99999999.x", "bn1.weight", "")
    state = {key: tensor if rng.random() < 0.7 else JUNK[rng.integers(len(JUNK))] for key in keys if rng.random() < 0.6}
    torch.save(state if rng.random() < 0.7 else {"generator_state_dict": state}, path)
    if kind == 0:
        _damage_bytes(path, rng)
    elif kind == 1:
        path.write_bytes(pickle.dumps(JUNK[rng.integers(len(JUNK))]))
    elif kind == 2:
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data/9", bytes(2**24))
    elif kind == 3:
        torch.save({"shallow_extractor.conv1.weight": torch.zeros(1).expand(2**17, 2**17)}, path)
    return path


def _damage_bytes(path: pathlib.Path, rng: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    kind = rng.integers(4)
    if kind == 0:
        content = content[: rng.integers(0, len(content) + 1)]
    elif kind == 1:
        content += bytes(rng.integers(0, 256, 100, np.uint8))
    elif kind == 2:
        content = bytearray(rng.integers(0, 256, len(content), np.uint8).tobytes())
    elif content:
        for place in rng.integers(0, len(content), rng.integers(1, 30)):
            content[place] ^= 1 << rng.integers(8)
    path.write_bytes(content)


def _damage_tensors(path: pathlib.Path, rng: np.random.Generator) -> None:
    """A safetensors file that is well formed, but of no model; or whose header lies about it."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])
    name = list(header)[rng.integers(len(header))]
    entry = header[name]
    kind = rng.integers(8)
    if kind == 0:
        entry["dtype"] = ("F64", "I8", "BF16", "F8_E4M3", "BOOL", "X9", "C64")[rng.integers(7)]
    elif kind == 1:
        entry["shape"] = [[], [0], [-1], [2**40, 2**40], [1] * 70, [10**6, 10**6]][rng.integers(6)]
    elif kind == 2:
        entry["data_offsets"] = [[0, 2**60], [8, 4], [-4, 0], [0, 0]][rng.integers(4)]
    elif kind == 3:
        header[("a", "a/b", "generator", "generator/", "/", "ocr/../x", "generator/x/y", "\x1b[2J/x")[rng.integers(8)]] = entry
    elif kind == 4:
        header[f"{name}/below"] = header.pop(name)
    elif kind == 5:
        del header[name]
    elif kind == 6:
        start, end = entry["data_offsets"]
        values = np.frombuffer(data[start:end], "<f4").copy()
        values.flat[rng.integers(values.size) if values.size else slice(0)] = EXTREMES[rng.integers(len(EXTREMES))]
        data[start:end] = values.tobytes()
    else:
        for entry in header.values():
            start, end = entry["data_offsets"]
            data[start:end] = np.full((end - start) // 4, EXTREMES[2 + rng.integers(3)], "<f4").tobytes()
    told = json.dumps(header).encode()
    path.write_bytes(len(told).to_bytes(8, "little") + told + data)


def _sign(weights: pathlib.Path, card: pathlib.Path, rng: np.random.Generator) -> None:
    """The digest in the card is most often that of the weights, as somebody who means harm would write it."""
    try:
        fields = json.loads(card.read_text())
    except ValueError:
        return
    if isinstance(fields, dict) and rng.random() < 0.9:
        card.write_text(json.dumps({**fields, "sha256": hashlib.sha256(weights.read_bytes()).hexdigest()}))
