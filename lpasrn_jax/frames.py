"""One frame: from the bytes of its file to an upright plate of the size that the networks take.

Coordinates are pixel coordinates: x to the right, y down, and the centre of the top-left pixel is (0, 0). A pixel is the
unit square around its centre, so an image of width w reaches from -0.5 to w - 0.5.
"""

from __future__ import annotations

import contextlib
import io
import math
import pathlib
import stat
import warnings
from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, UnidentifiedImageError

from lpasrn_jax.errors import UserError

MIN_SIDE = 4  # pixels; nothing smaller holds seven characters
MAX_SIDE = 2**14  # 16384, longer than a camera's image
MAX_PIXELS = 2**26  # 67 million: larger than any camera's image, and decoded into memory without pain
MAX_BYTES = 2**28  # of a file: as many as that many pixels need at most
# Pillow and OpenCV read these by themselves. Others start programs (EPS starts Ghostscript), or are no camera's.
FORMATS = {
    "PNG": (".png",), "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"), "TIFF": (".tif", ".tiff"), "GIF": (".gif",),
}  # fmt: skip


def read_file(path: pathlib.Path, name: str) -> bytes:
    """The content of a file.

    Args:
      path: the file.
      name: what errors call it.

    Raises:
      UserError: for what is missing, no regular file, larger than `MAX_BYTES`, or not to be read.
    """
    try:
        status = path.stat()
        regular, folder = stat.S_ISREG(status.st_mode), stat.S_ISDIR(status.st_mode)  # opening a pipe would wait for ever
        content = path.read_bytes() if regular and status.st_size <= MAX_BYTES else b""
    except FileNotFoundError as error:
        raise UserError(f"{name} is missing{' (a link that leads nowhere)' if path.is_symlink() else ''}") from error
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}") from error
    except ValueError as error:  # a null character
        raise UserError(f"{name!r} is no file's name ({error})") from error
    if not regular:
        raise UserError(f"{name} is {'a folder' if folder else 'not a regular file'}; expected a file")
    if status.st_size > MAX_BYTES:
        raise UserError(f"{name} has {status.st_size} bytes; expected at most {MAX_BYTES}")
    return content


def decode_image(encoded: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """RGB of an image file that `check_image` has accepted.

    Grey becomes RGB, 16 bits become the upper 8, alpha is left out, and a JPEG's EXIF orientation is applied.

    Raises:
      UserError: for bytes that are no image.
    """
    with one_line_damage():
        # OpenCV rejects no bytes at all with an assertion in place of None.
        bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) if encoded else None
        if bgr is None:
            raise ValueError("OpenCV cannot decode it")
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def read_image(encoded: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """RGB of an image file by other hands, as `decode_image` gives it.

    Raises:
      UserError: for an empty file, content of another format than `FORMATS`, whatever the file is called, an image that is cut
        short or damaged, or a size that `check_size` refuses, which is checked before anything is decoded.
    """
    if not encoded:
        raise UserError("is empty (0 bytes)")
    # Pillow tells the size before it decodes, and a file that is cut short from one that is no image.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its warnings about sizes and metadata; the size is checked here
        with one_line_damage():
            image = Image.open(io.BytesIO(encoded), formats=[*FORMATS])
            check_size(image.height, image.width)
            image.load()
    return decode_image(encoded)


def read_image_file(path: pathlib.Path) -> UInt8[np.ndarray, "h w 3"]:
    """RGB of an image file; errors are those of `read_file` and `read_image`, with the path before them."""
    encoded = read_file(path, str(path))
    try:
        return read_image(encoded)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def check_image(encoded: bytes) -> tuple[int, int]:
    """Height and width of an image file; errors are those of `read_image`."""
    return read_image(encoded).shape[:2]


@contextlib.contextmanager
def one_line_damage() -> Iterator[None]:
    """Makes a UserError of whatever Pillow or OpenCV raise on an image: damage shows in more ways than they list."""
    try:
        yield
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(f"has too many pixels; expected at most {MAX_PIXELS}") from error
    except UnidentifiedImageError as error:
        raise UserError(f"is not an image; expected the content of a {', '.join(FORMATS)} file") from error
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"is cut short or damaged ({reason})") from error


def check_size(height: int, width: int) -> None:
    """Raise UserError for a side outside `MIN_SIDE` and `MAX_SIDE`, or more than `MAX_PIXELS`."""
    if min(height, width) < MIN_SIDE:
        raise UserError(f"is {width} x {height} pixels; expected at least {MIN_SIDE} x {MIN_SIDE}")
    if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise UserError(f"is {width} x {height} pixels; expected sides of at most {MAX_SIDE}, and at most {MAX_PIXELS} in all")


def frame_array(
    image: UInt8[np.ndarray, "ih iw 3"],
    corners: Float[np.ndarray, "4 2"] | None,
    size: tuple[int, int],
) -> UInt8[np.ndarray, "h w 3"]:
    """The plate of a frame, upright and filling an image of `size` (height, width).

    Corners are (x, y) of the plate's top-left, top-right, bottom-right and bottom-left, in pixel coordinates; they come to lie on
    the outer corners of the result (-0.5 and w - 0.5, not 0 and w - 1), so that LR and HR frames of one plate agree in relative
    coordinates whatever their sizes. Without corners (None) the whole frame is used, which is the same with the frame's
    own outer corners. Bicubic where the plate grows; where it shrinks, each pixel is the mean of the area it covers.
    """
    ih, iw, _ = image.shape
    h, w = size
    source = outer_corners(ih, iw) if corners is None else np.asarray(corners, np.float32)
    top, right, bottom, left = (math.dist(source[i], source[(i + 1) % 4]) for i in range(4))
    # Samples a result pixel, per axis, so that no pixel of the frame is stepped over.
    nx, ny = max(1, math.ceil(max(top, bottom) / w)), max(1, math.ceil(max(left, right) / h))
    matrix = cv2.getPerspectiveTransform(source, outer_corners(h * ny, w * nx))
    warped = cv2.warpPerspective(image, matrix, (w * nx, h * ny), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(warped, (w, h), interpolation=cv2.INTER_AREA)


def widen_corners(corners: Float[np.ndarray, "4 2"], margins: Float[np.ndarray, " 4"]) -> Float[np.ndarray, "4 2"]:
    """Corners of the crop that leaves margins around a plate, in the plate's own perspective.

    Args:
      corners: (x, y) of the plate's top-left, top-right, bottom-right and bottom-left.
      margins: left, top, right and bottom, as fractions of the plate's width and height; negative ones cut into the plate.
    """
    left, top, right, bottom = margins
    plate = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])
    crop = np.float32([[-left, -top], [1 + right, -top], [1 + right, 1 + bottom], [-left, 1 + bottom]])
    return cv2.perspectiveTransform(crop[None], cv2.getPerspectiveTransform(plate, np.float32(corners)))[0]


def outer_corners(h: int, w: int) -> Float[np.ndarray, "4 2"]:
    """(x, y) of the outer corners of an h x w image: top-left, top-right, bottom-right, bottom-left."""
    return np.array([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]], np.float32)
