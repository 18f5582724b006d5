"""Every form of image gives the same pixels, and what is none gives one line that names it."""

import io
import os
import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image

from lpasrn_jax import frames
from lpasrn_jax.errors import UserError
from lpasrn_jax.reading.inputs import rgb_image


@pytest.fixture
def rgb(rng):
    return rng.integers(0, 256, (12, 30, 3), np.uint8)


def test_arrays_of_all_kinds(rgb):
    grey = rgb[..., 0]
    np.testing.assert_array_equal(rgb_image(rgb), rgb)
    np.testing.assert_array_equal(rgb_image(np.dstack([rgb, grey])), rgb)  # alpha
    for one in (grey, grey[..., None], np.dstack([grey, rgb[..., 1]])):
        np.testing.assert_array_equal(rgb_image(one), np.dstack([grey] * 3))
    np.testing.assert_array_equal(rgb_image(rgb.astype(np.uint16) * 257), rgb)
    for dtype in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(rgb_image((rgb / 255).astype(dtype)), rgb)
    np.testing.assert_array_equal(rgb_image(grey > 99), np.dstack([(grey > 99) * np.uint8(255)] * 3))


def test_the_result_is_a_copy(rgb):
    rgb_image(rgb)[:] = 0
    assert rgb.any()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr"])
def test_pil_images_of_all_modes(rgb, mode):
    image = Image.fromarray(rgb).convert(mode)
    np.testing.assert_array_equal(rgb_image(image), np.array(image.convert("RGB")))


def test_sixteen_bits_keep_the_upper_eight(tmp_path, rgb):
    Image.fromarray(rgb[..., 0].astype(np.uint16) * 257).save(tmp_path / "deep.png")
    expected = np.dstack([rgb[..., 0]] * 3)
    np.testing.assert_array_equal(rgb_image(tmp_path / "deep.png"), expected)
    np.testing.assert_array_equal(rgb_image(Image.open(tmp_path / "deep.png")), expected)


def test_exif_orientation_is_applied(tmp_path, rgb):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    Image.fromarray(rgb).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    turned = rgb_image(tmp_path / "turned.jpg")
    assert turned.shape == (30, 12, 3)
    plain = np.array(Image.open(tmp_path / "turned.jpg").convert("RGB"), int)
    np.testing.assert_allclose(turned, np.rot90(plain, -1), atol=8)
    np.testing.assert_array_equal(rgb_image(Image.open(tmp_path / "turned.jpg")), np.rot90(plain, -1))


def test_the_first_picture_of_an_animation(tmp_path, rgb):
    first, second = (Image.fromarray(image) for image in (rgb, 255 - rgb))
    first.save(tmp_path / "moving.png", save_all=True, append_images=[second])
    np.testing.assert_array_equal(rgb_image(tmp_path / "moving.png"), rgb)


def huge_png() -> bytes:
    """The header of a PNG of 30,000 x 30,000 pixels, and no pixel."""
    small = io.BytesIO()
    Image.new("L", (8, 8)).save(small, "PNG")
    encoded = bytearray(small.getvalue())
    encoded[16:24] = (30_000).to_bytes(4, "big") * 2
    encoded[29:33] = zlib.crc32(encoded[12:29]).to_bytes(4, "big")
    return bytes(encoded)


def test_an_image_over_the_limit_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    (tmp_path / "huge.png").write_bytes(huge_png())
    monkeypatch.setattr(frames.cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    with pytest.raises(UserError, match=r"huge\.png: (is 30000 x 30000|has too many) pixels; expected .*at most 67108864"):
        rgb_image(tmp_path / "huge.png")


def test_a_file_over_the_limit_is_not_read(tmp_path):
    with open(tmp_path / "long.png", "wb") as file:
        file.truncate(frames.MAX_BYTES + 1)  # a hole: no disk is used
    with pytest.raises(UserError, match=r"long\.png has 268435457 bytes; expected at most 268435456"):
        rgb_image(tmp_path / "long.png")


@pytest.mark.parametrize(("array", "message"), [
    (np.full((8, 8), np.nan), r"float64 with NaN or infinite values found; expected uint8, uint16, bool or float in \[0, 1\]"),
    (np.full((8, 8, 3), np.inf), "NaN or infinite"),
    (np.full((8, 8, 3), 255.0), "float64 with 255.0 to 255.0 found"),
    (np.full((8, 8, 3), -0.1), "-0.1 to -0.1"),
    (np.zeros((8, 8, 3), np.int64), "int64 found"),
    (np.zeros((8, 8, 3), complex), "complex128 found"),
    (np.array([["a"] * 8] * 8), "<U1 found"),
    (np.zeros((8, 8, 5), np.uint8), r"shape \(8, 8, 5\) found; expected \[height, width\]"),
    (np.zeros((1, 8, 8, 3), np.uint8), "shape"),
    (np.zeros(8, np.uint8), "shape"),
    (np.uint8(3), "uint8 found; expected a file's path, a PIL image or a NumPy array"),
    (None, "NoneType found; expected a file's path"),
    (b"plate.png", "bytes found; expected a file's path"),
    ({"image": 1}, "dict found; expected a file's path"),
    ([[1, 2], [3]], "list found; expected a file's path"),
    (np.array([[None] * 8] * 8), "ndarray found"),
    (np.broadcast_to(np.uint8(0), (16_385, 8, 3)), "is 8 x 16385 pixels; expected sides of at most 16384, and at most 67"),
    (np.broadcast_to(np.uint8(0), (8193, 8193, 3)), "is 8193 x 8193 pixels; expected sides"),
    (np.broadcast_to(np.float64(0), (100_000, 100_000)), "is 100000 x 100000 pixels; expected sides"),
    (np.zeros((0, 0, 3), np.uint8), "is 0 x 0 pixels; expected at least 4 x 4"),
    (np.zeros((1, 4000, 3), np.uint8), "is 4000 x 1 pixels"),
])  # fmt: skip
def test_arrays_that_are_no_images(array, message):
    with pytest.raises(UserError, match=f"^image: {message}|^image: .*{message}"):
        rgb_image(array)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pil_images_of_unknown_range(mode):
    with pytest.raises(UserError, match=f"image: has {mode} pixels of unknown range"):
        rgb_image(Image.new(mode, (8, 8)))


def test_a_damaged_pil_image_is_found_when_it_is_used(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:200])
    with Image.open(tmp_path / "cut.png") as image, pytest.raises(UserError, match="image: "):
        rgb_image(image)


@pytest.mark.parametrize(("make", "message"), [
    (lambda path: None, "is missing"),
    (lambda path: path.mkdir(), "is a folder; expected a file"),
    (lambda path: os.mkfifo(path), "is not a regular file"),
    (lambda path: path.symlink_to("nowhere"), r"is missing \(a link that leads nowhere\)"),
    (lambda path: path.symlink_to(path), "cannot be read: Too many levels of symbolic links"),
    (lambda path: path.write_bytes(b""), r": is empty \(0 bytes\)"),
    (lambda path: path.write_text("no image"), ": is not an image; expected the content of a PNG, JPEG, WEBP, BMP, TIFF, GIF"),
])  # fmt: skip
def test_paths_that_are_no_images(tmp_path, make, message):
    make(tmp_path / "plate.png")
    with pytest.raises(UserError, match=f"^{tmp_path}/plate.png.{{0,2}}{message.lstrip(': ')}"):
        rgb_image(tmp_path / "plate.png")


def test_a_name_with_a_null_character():
    with pytest.raises(UserError, match=r"'a\\x00b.png' is no file's name"):
        rgb_image("a\0b.png")


def png_chunk(kind, content):
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def png_with(kind, content):
    """A PNG with one more chunk behind its header."""
    small = io.BytesIO()
    Image.new("L", (8, 8)).save(small, "PNG")
    encoded = small.getvalue()
    return encoded[:33] + png_chunk(kind, content) + encoded[33:]


BOMB = zlib.compress(bytes(2**27))  # 128 MB in 130 KB
SGI = struct.pack(">HBBHHHH", 474, 1, 1, 3, 8, 8, 3).ljust(512, b"\0")  # a header, and no row
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
OTHERS = {  # (content, what the error says)
    "text bomb": (png_with(b"zTXt", b"a\0\0" + BOMB), "is cut short or damaged"),
    "profile bomb": (png_with(b"iCCP", b"a\0\0" + BOMB), "is cut short or damaged"),
    "cut PPM": (b"P6\n8 8\n255\n" + bytes(20), "is not an image"),
    "PPM that names no size": (b"P6\nx y", "is not an image"),
    "cut SGI": (SGI, "is not an image"),
    "cut QOI": (b"qoif" + struct.pack(">IIBB", 8, 8, 3, 0), "is not an image"),
    "EPS": (EPS, "is not an image"),
    "PDF": (b"%PDF-1.4\n", "is not an image"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_formats_and_bombs_are_one_line_whatever_the_file_is_called(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    content, message = OTHERS[kind]
    (tmp_path / "plate.png").write_bytes(content)
    with pytest.raises(UserError, match=f"plate.png: {message}") as caught:
        rgb_image(tmp_path / "plate.png")
    assert "\n" not in str(caught.value)


def test_an_eps_that_pillow_has_opened_is_not_decoded(monkeypatch):
    """Decoding it starts Ghostscript, where there is one."""
    image = Image.open(io.BytesIO(EPS))
    monkeypatch.setattr(type(image), "load", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(UserError, match="image: is a EPS file; expected one of PNG, JPEG, WEBP, BMP, TIFF, GIF, or"):
        rgb_image(image)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_the_content_decides_not_the_name(tmp_path, rgb, kind):
    image = Image.fromarray(rgb)
    image.save(tmp_path / "plate.txt", kind, **({"lossless": True} if kind == "WEBP" else {}))
    with Image.open(tmp_path / "plate.txt") as saved:  # GIF has few colours
        np.testing.assert_array_equal(rgb_image(tmp_path / "plate.txt"), np.array(saved.convert("RGB")))


class Closed:
    def __array__(self, *_, **__):
        raise RuntimeError("closed")


class BytesPath:
    def __fspath__(self):
        return b"plate.png"


@pytest.mark.parametrize("thing", [Closed(), BytesPath()])
def test_objects_that_fail_to_become_an_image(thing):
    with pytest.raises(UserError, match=f"image: {type(thing).__name__} found; expected a file's path"):
        rgb_image(thing)


def test_a_pil_image_that_was_closed(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "plate.png")
    with Image.open(tmp_path / "plate.png") as image:
        pass
    with pytest.raises(UserError, match="image: is cut short or damaged"):
        rgb_image(image)
