"""Image files by enemies and by failing disks: true images, damaged, under names that nobody expects."""

from __future__ import annotations

import io
import json
import os
import pathlib
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.hostile.junk import change_somewhere

KINDS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "TGA", "ICO", "SGI", "PCX", "EPS", "QOI", "ICNS", "JPEG2000")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tiff", ".gif")
NAMES = (
    b"plate", b"\xff\xfe\x80", b"=1+1", b"+cmd|' C calc'!A0", b"-rf", b"@sum", b"a\x1b[2Jb", b"a\nb", b"\tx", b" ", b"a,b;c\"d",
    "車牌 ü \U0001f697".encode(), b"x" * 200, b"%s%n{0}", b"con", b"a.png", b"..a", b"'", b"\xe2\x80\xae", b"a\rb",
)  # fmt: skip
CORNERS = {"top-left": (2, 2), "top-right": (45, 3), "bottom-right": (46, 17), "bottom-left": (3, 18)}


def write_hostile_image(folder: pathlib.Path, rng: np.random.Generator) -> pathlib.Path:
    """Writes one file, or something that is called like one, under a name that is free; returns its path."""
    name = NAMES[rng.integers(len(NAMES))] + b"_%06x" % rng.integers(16**6) + ENDINGS[rng.integers(len(ENDINGS))].encode()
    path = folder / os.fsdecode(name)
    if rng.random() < 0.08:
        _write_no_file(path, rng)
    else:
        path.write_bytes(hostile_content(rng))
    return path


def write_hostile_track(folder: pathlib.Path, rng: np.random.Generator) -> pathlib.Path:
    """Writes the folder of a track, some of whose frames and annotations are damaged; returns its path."""
    name = NAMES[rng.integers(len(NAMES))].lstrip(b".") + b"_%06x" % rng.integers(16**6)
    path = folder / os.fsdecode(b"track_" + name)
    path.mkdir()
    whole = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (20, 50, 3), np.uint8)).save(whole, "PNG")
    frames = [f"{kind}-{i:03d}.png" for kind in ("lr", "hr") for i in range(1, 6)]
    for frame in frames:
        (path / frame).write_bytes(whole.getvalue() if rng.random() < 0.9 else hostile_content(rng))
    annotations = {
        "plate_layout": "Brazilian",
        "plate_text": "ABC1234",
        "corners": {frame: {corner: list(place) for corner, place in CORNERS.items()} for frame in frames},
    }
    for _ in range(rng.integers(0, 3)):
        change_somewhere(annotations, rng)
    told = json.dumps(annotations).encode()
    (path / "annotations.json").write_bytes(told if rng.random() < 0.8 else DAMAGES[rng.integers(len(DAMAGES))](told, rng))
    return path


def hostile_content(rng: np.random.Generator) -> bytes:
    """The bytes of an image, mostly damaged."""
    content = _encoded(rng)
    for _ in range(rng.integers(0, 3)):
        content = DAMAGES[rng.integers(len(DAMAGES))](content, rng)
    return content


def _encoded(rng: np.random.Generator) -> bytes:
    sides = [1, 2, 3, 4, 5, 9, 20, 33, 64, 200, 3000]
    height, width = rng.choice(sides, p=np.array([1, 1, 1, 2, 4, 20, 20, 20, 20, 10, 1]) / 100, size=2)
    mode = ("RGB", "L", "RGBA", "P", "1", "CMYK", "LA", "I;16", "I", "F", "YCbCr", "LAB", "HSV")[rng.integers(13)]
    image = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 2**16, (height, width), np.uint16))
    elif mode not in ("LAB", "HSV"):
        image = image.convert(mode)
    for kind in (KINDS[rng.integers(len(KINDS))], "TIFF", "PNG"):
        buffer = io.BytesIO()
        try:
            image.save(buffer, kind, **_extras(kind, rng))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):  # a mode or a size that this format cannot keep
            continue
        return buffer.getvalue()
    return bytes(rng.integers(0, 256, 500, np.uint8))


def _extras(kind: str, rng: np.random.Generator) -> dict[str, object]:
    """What else a file may carry: metadata, an animation, an orientation that does not exist."""
    extras: dict[str, object] = {}
    if rng.random() < 0.3 and kind in ("PNG", "JPEG", "WEBP", "TIFF"):
        exif = Image.Exif()
        exif[0x0112] = int(rng.integers(0, 70))
        exif[0x010E] = "x\0\x1b[2J" * int(rng.integers(1, 50))
        extras["exif"] = exif
    if rng.random() < 0.2 and kind in ("PNG", "GIF", "WEBP", "TIFF"):
        extras |= {"save_all": True, "append_images": [Image.new("RGB", (9, 9))] * 3}
    if rng.random() < 0.2 and kind in ("PNG", "JPEG", "WEBP"):
        extras["icc_profile"] = bytes(rng.integers(0, 256, 200, np.uint8))
    return extras


def _cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: rng.integers(0, len(content) + 1)]


def _flip_bits(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(0, max(len(changed), 1), rng.integers(1, 20)) if changed else ():
        changed[place] ^= 1 << rng.integers(8)
    return bytes(changed)


def _damage_header(content: bytes, rng: np.random.Generator) -> bytes:
    """Sizes, types and offsets stand in a file's first bytes."""
    changed = bytearray(content)
    for place in rng.integers(0, min(len(changed), 64), 3) if changed else ():
        changed[place] = (0, 1, 0x7F, 0x80, 0xFF)[rng.integers(5)]
    return bytes(changed)


def _huge_sides(content: bytes, rng: np.random.Generator) -> bytes:
    """A PNG whose header says another size, with a checksum that fits."""
    if content[:4] != b"\x89PNG":
        return content
    changed = bytearray(content)
    for start in (16, 20):
        changed[start : start + 4] = int(rng.choice([0, 1, 4, 1000, 16384, 60_000, 2**31 - 1])).to_bytes(4, "big")
    changed[29:33] = zlib.crc32(changed[12:29]).to_bytes(4, "big")
    return bytes(changed)


def _bomb(content: bytes, rng: np.random.Generator) -> bytes:
    """A PNG with a chunk that unpacks to 64 MB."""
    if content[:4] != b"\x89PNG":
        return content
    kind = (b"zTXt", b"iCCP", b"iTXt", b"IDAT")[rng.integers(4)]
    body = {b"zTXt": b"a\0\0", b"iCCP": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"IDAT": b""}[kind] + zlib.compress(bytes(2**26), 1)
    chunk = len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
    return content[:33] + chunk + content[33:]


def _remove_middle(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = sorted(rng.integers(0, len(content) + 1, 2))
    return content[:start] + content[end:]


def _append(content: bytes, rng: np.random.Generator) -> bytes:
    return content + (bytes(rng.integers(0, 256, 300, np.uint8)) if rng.random() < 0.5 else content)


def _other_beginning(content: bytes, rng: np.random.Generator) -> bytes:
    """The first bytes of one format before the content of another."""
    return _encoded(rng)[: rng.integers(1, 40)] + content[rng.integers(0, 40) :]


DAMAGES: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    _cut, _flip_bits, _damage_header, _huge_sides, _bomb, _remove_middle, _append, _other_beginning,
)  # fmt: skip


def _write_no_file(path: pathlib.Path, rng: np.random.Generator) -> None:
    kind = rng.integers(6)
    if kind == 0:
        path.symlink_to(path)
    elif kind == 1:
        path.symlink_to("nowhere")
    elif kind == 2:
        os.mkfifo(path)
    elif kind == 3:
        path.mkdir()
    elif kind == 4:
        path.symlink_to("/dev/zero")
    else:
        path.symlink_to("/proc/self/mem")
