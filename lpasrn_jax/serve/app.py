"""The application: two calls that read and enhance, what is known of the model, and the page's files."""

from __future__ import annotations

import contextlib
import mimetypes
import pathlib
from typing import Annotated

from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from starlette.staticfiles import StaticFiles

from lpasrn_jax.errors import UserError
from lpasrn_jax.escape import printable
from lpasrn_jax.reading.reader import Reader
from lpasrn_jax.serve.answers import EnhanceAnswer, ErrorAnswer, ReadAnswer, enhance_answer, read_answer
from lpasrn_jax.serve.guard import Guard
from lpasrn_jax.serve.limits import DEFAULT_LIMITS, Limits
from lpasrn_jax.serve.uploads import RGB, Upload, parse_corners, plates
from lpasrn_jax.serve.worker import Worker

STATIC = pathlib.Path(__file__).with_name("static")
ERRORS = {
    403: "called by a page of another site",
    408: "the request did not arrive in time",
    413: "the request is too large",
    421: "called by a name that is not this machine's own",
    422: "not an image, too many images, corners that outline nothing, an unknown layout",
    503: "no answer in time",
}

Images = Annotated[list[UploadFile], File(description="one or several images of one plate: PNG, JPEG, WebP, BMP, TIFF or GIF")]
Corners = Annotated[
    str | None,
    Form(
        description="for a photograph: JSON [[x, y] x 4], the plate's top-left, top-right, bottom-right and bottom-left corner "
        "in pixels of the image, for all images; or a list with such a list, or null, for each"
    ),
]
Layout = Annotated[str | None, Form(description="of the plate, such as Mercosur; detected if not given")]


def create_app(reader: Reader, limits: Limits = DEFAULT_LIMITS) -> Guard:
    """The application around a reader.

    Args:
      reader: used by one thread alone, so that requests are answered in turn.
      limits: of a request.
    """
    worker = Worker()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI):
        yield
        worker.close()

    app = FastAPI(
        title="lpasrn_jax",
        summary="Super-resolution and reading of licence plates, on this machine.",
        description="Nothing that is sent is stored.",
        docs_url=None,  # FastAPI's own pages load their scripts from elsewhere; /api.html shows the same
        redoc_url=None,
        lifespan=lifespan,
        responses={status: {"model": ErrorAnswer, "description": reason} for status, reason in ERRORS.items()},
    )
    MultiPartParser.spool_max_size = limits.body_bytes  # uploads stay in memory and touch no disk

    @app.post("/read")
    async def read(images: Images, corners: Corners = None, layout: Layout = None) -> ReadAnswer:
        """The text of one plate, from one image of it or from several."""
        uploads = await _uploads(images, corners, limits)
        reading = await worker.run(lambda: reader.read_track(plates(uploads, limits), layout=layout or None))
        return read_answer(reading)

    @app.post("/enhance")
    async def enhance(images: Images, corners: Corners = None) -> EnhanceAnswer:
        """Each image beside its bicubic and its SR enlargement, and one image made of all of them."""
        uploads = await _uploads(images, corners, limits)
        return await worker.run(lambda: enhance_answer(reader, _held_plates(uploads, limits)))

    @app.get("/about")
    async def about() -> dict:
        """The weights, the layouts that they read, and the limits of a request."""
        return {
            "layouts": dict(reader.plate_format.layouts),
            "scale": reader.scale,
            "reads": reader.reads,
            "enhances": reader.enhances,
            "fuses": reader.fuses,
            "calibrated": reader.calibrated,
            "device": reader.device,
            "limits": {"images": limits.images, "bytes": limits.body_bytes, "pixels": limits.pixels},
        }

    _add_error_answers(app)
    mimetypes.add_type("text/javascript", ".js")  # browsers run nothing else, and some systems know no better
    app.mount("/", StaticFiles(directory=STATIC, html=True))
    return Guard(app, limits)


async def _uploads(images: list[UploadFile], corners: str | None, limits: Limits) -> list[Upload]:
    if len(images) > limits.images:
        raise UserError(f"{len(images)} images found; expected at most {limits.images} images of one plate")
    outlines = parse_corners(corners, len(images))
    names = [f"image {i} ({printable((image.filename or '')[:80])})" for i, image in enumerate(images, start=1)]
    return [Upload(*fields) for fields in zip(names, [await image.read() for image in images], outlines, strict=True)]


def _held_plates(uploads: list[Upload], limits: Limits) -> list[RGB]:
    """The plates, which are small, or the images are photographs."""
    held, pixels = [], 0
    for upload, plate in zip(uploads, plates(uploads, limits), strict=True):
        h, w, _ = plate.shape
        pixels += h * w
        if pixels > limits.plate_pixels:
            raise UserError(
                f"{upload.name}: is {w} x {h} pixels; expected at most {limits.plate_pixels} pixels in all images of a plate: "
                "give the plate's corners in the photograph"
            )
        held.append(plate)
    return held


def _add_error_answers(app: FastAPI) -> None:
    """Every error is JSON with one line."""

    @app.exception_handler(UserError)
    async def user_error(request: Request, error: UserError) -> JSONResponse:
        return JSONResponse({"error": printable(str(error))}, 422)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        problems = (f"{'.'.join(map(str, problem['loc'][1:]))}: {problem['msg']}" for problem in error.errors())
        return JSONResponse({"error": printable("; ".join(problems))}, 422)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": printable(str(error.detail))}, error.status_code)

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": f"fault of the server ({type(error).__name__}); the terminal shows more"}, 500)
