"""The calls of a program: answers equal to the library's, limits, hostile uploads, many callers at once."""

import base64
import concurrent.futures
import gc
import io
import json
import random
import re
import struct
import tempfile
import zlib

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image

from lpasrn_jax import images
from lpasrn_jax.frames import read_image
from lpasrn_jax.reading.region import Region
from lpasrn_jax.serve.answers import certainty
from lpasrn_jax.serve.limits import Limits
from lpasrn_jax.serve.server import bind
from lpasrn_jax.serve.uploads import parse_corners
from tests.serve.conftest import FIVE, example, running_server

CAR_CORNERS = [[479.0, 366.5], [574.5, 369.0], [573.5, 398.5], [478.5, 398.5]]  # of the plate in examples/car.jpg


def post(client, path, *files, **fields):
    """files: paths, or (name, bytes)."""
    pairs = [file if isinstance(file, tuple) else (file.name, file.read_bytes()) for file in files]
    return client.post(path, files=[("images", pair) for pair in pairs], data=fields)


def decode(image):
    """The pixels of an answer's image, whose size is as stated."""
    rgb = read_image(base64.b64decode(image["png"]))
    assert rgb.shape == (image["height"], image["width"], 3)
    return rgb


def assert_same_reading(answer, reading):
    """Equal but for the last digits of probabilities: images are read in batches of other sizes."""
    expected = reading.to_dict()
    got = {name: answer[name] for name in expected}
    assert approximate(got) == approximate(expected)


def approximate(value):
    """The value with every float at five significant digits."""
    if isinstance(value, float):
        return float(f"{value:.4e}") if value > 1e-6 else 0.0
    if isinstance(value, list | tuple):
        return [approximate(one) for one in value]
    return {name: approximate(one) for name, one in value.items()} if isinstance(value, dict) else value


def test_read_answers_as_the_library_does(client, reader):
    for files in ([example("one-003.png")], [example("night-003.jpg")], FIVE):
        response = post(client, "/read", *files)
        assert response.status_code == 200, response.text
        reading = reader.read_track(files)
        assert_same_reading(response.json(), reading)
        assert response.json()["certainty"] == certainty(reading)


def test_what_the_examples_are_read_as(client):
    found = [post(client, "/read", *files).json() for files in ([example("one-003.png")], FIVE, [example("night-003.jpg")])]
    assert [one["text"] for one in found[:2]] == ["LPR2026", "BRA2E19"]
    assert [one["rejected"] for one in found] == [False, False, True]
    assert found[2]["certainty"] == "cannot be read"


def test_an_upload_touches_no_disk(client, rng, monkeypatch):
    def stored(file):
        raise AssertionError("an upload was about to be written to a file")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", stored)
    noise = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (500, 1200, 3), np.uint8)).save(noise, "png")
    content = noise.getvalue()
    assert len(content) > 1_000_000  # what Starlette itself keeps in memory
    assert post(client, "/read", ("noise.png", content)).status_code == 200


def test_the_layout_can_be_given(client, reader):
    response = post(client, "/read", FIVE[0], layout="Brazilian")
    assert_same_reading(response.json(), reader.read(FIVE[0], layout="Brazilian"))
    assert post(client, "/read", FIVE[0], layout="").json()["layout"] == "Mercosur"


def test_a_plate_is_read_in_a_photograph_by_its_corners(client, reader):
    car = example("car.jpg")
    answer = post(client, "/read", car, corners=json.dumps(CAR_CORNERS)).json()
    plate = Region(corners=CAR_CORNERS).cut(read_image(car.read_bytes()))
    assert_same_reading(answer, reader.read(car, corners=CAR_CORNERS))
    assert answer["text"] == "CAR1D23"
    both = post(client, "/read", car, FIVE[0], corners=json.dumps([CAR_CORNERS, None])).json()
    assert_same_reading(both, reader.read_track([plate, FIVE[0]]))


def test_enhance_answers_with_the_images_that_the_library_makes(client, reader):
    answer = post(client, "/enhance", *FIVE).json()
    assert (answer["scale"], len(answer["frames"])) == (2, 5)
    for file, frame in zip(FIVE, answer["frames"], strict=True):
        lr = read_image(file.read_bytes())
        np.testing.assert_array_equal(decode(frame["lr"]), lr)
        np.testing.assert_array_equal(decode(frame["sr"]), reader.enhance(lr))
        judged_against = images.to_uint8(images.bicubic_upscale(images.to_float(lr[None]), 2))[0]
        np.testing.assert_allclose(decode(frame["bicubic"]), judged_against, atol=1)
    confidences = [reading.confidence for reading in reader.read_many(FIVE)]
    best = answer["reference"]
    assert confidences[best] == max(confidences)
    ordered = [FIVE[best], *FIVE[:best], *FIVE[best + 1 :]]
    np.testing.assert_array_equal(decode(answer["fused"]), reader.enhance_track(ordered))


def test_a_photograph_is_no_plate(client, reader):
    answer = post(client, "/read", example("car.jpg")).json()
    assert (answer["is_plate"], answer["certainty"]) == (False, "no plate")
    assert answer["reason"] == reader.read(example("car.jpg")).reason != ""


def test_one_image_has_nothing_to_fuse(client):
    assert post(client, "/enhance", FIVE[0]).json()["fused"] is None


def png(height, width):
    return ("image.png", cv2.imencode(".png", np.zeros((height, width, 3), np.uint8))[1].tobytes())


@pytest.mark.parametrize(("path", "files", "fields", "status", "message"), [
    ("/read", [FIVE[0]] * 40, {}, 422, "40 images found; expected at most 16"),
    ("/read", [("a.txt", b"no image")], {}, 422, r"image 1 \(a.txt\): is not an image; expected the content of a PNG, JPEG"),
    ("/read", [FIVE[0], ("b.png", b"")], {}, 422, r"image 2 \(b.png\): is empty"),
    ("/read", [], {"layout": "Mercosur"}, 422, "images: Field required"),
    ("/read", [FIVE[0]], {"layout": "Dutch"}, 422, "layout: 'Dutch' is unknown; expected one of Brazilian, Mercosur"),
    ("/read", [("big.bin", bytes(2**25))], {}, 413, "the request has 33554.* bytes; expected at most 33554432"),
    ("/enhance", [png(2000, 3000)], {}, 422, "is 3000 x 2000 pixels; .* give the plate's corners"),
    ("/read", [png(3, 90)], {}, 422, "is 90 x 3 pixels; expected at least 4 x 4"),
    ("/read", [FIVE[0]], {"corners": "[[0,0],[500,0],[500,9],[0,9]]"}, 422, "are not all in the image, which has"),
    ("/read", [FIVE[0]], {"corners": "[[30,0],[0,0],[0,9],[30,9]]"}, 422, "do not go around a plate"),
    ("/read", [FIVE[0]], {"corners": "[[0,0],[30,9],[30,0],[0,9]]"}, 422, "do not go around a plate"),
    ("/read", [FIVE[0]], {"corners": "here"}, 422, "corners: not JSON"),
])  # fmt: skip
def test_what_cannot_be_answered_is_said_in_one_line(client, path, files, fields, status, message):
    response = post(client, path, *files, **fields)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert re.search(message, response.json()["error"])
    assert "\n" not in response.json()["error"]


@pytest.mark.parametrize("text", [
    "{}", "[]", "[[1,2],[3,4],[5,6]]", "[[1,2],[3,4],[5,6],[7]]", "[[1,2],[3,4],[5,6],[7,true]]", "[[1,2],[3,4],[5,6],[7,NaN]]",
    "[[1,2],[3,4],[5,6],[7,1e999]]", "[[1,2],[3,4],[5,6],[7,1e30]]", "[null]", "[" * 100000, "1" * 10000, '"\ud800"', "[[[1,2]]]",
])  # fmt: skip
def test_corners_that_are_none(text):
    with pytest.raises(ValueError, match="corners: "):
        parse_corners(text, 2)


def test_more_pixels_than_the_limit_in_all_images_together(reader):
    with running_server(reader, Limits(pixels=3000)) as url, httpx.Client(base_url=url, timeout=60) as client:
        assert post(client, "/read", FIVE[0]).status_code == 200
        assert "more than 3000 pixels together" in post(client, "/read", *FIVE).json()["error"]


def test_about_says_what_the_page_needs_to_know(client):
    about = client.get("/about").json()
    assert about["layouts"] == {"Brazilian": "LLLNNNN", "Mercosur": "LLLNLNN"}
    assert (about["reads"], about["enhances"], about["fuses"], about["calibrated"]) == (True,) * 4
    assert about["limits"] == {"images": 16, "bytes": 2**25, "pixels": 2**26}


def test_the_interface_is_described(client):
    described = client.get("/openapi.json").json()
    assert {*described["paths"]} == {"/read", "/enhance", "/about"}
    answer = described["components"]["schemas"]["ReadAnswer"]["properties"]
    assert {*post(client, "/read", FIVE[0]).json()} == {*answer}
    assert client.get("/nothing").json() == {"error": "Not Found"}
    assert client.get("/..%2f..%2fapp.py").status_code == 404


def test_200_requests_of_8_clients_are_answered_as_by_the_library(address, reader):
    kinds = [("/read", [FIVE[0]]), ("/read", FIVE), ("/read", [example("one-003.png")]), ("/enhance", [FIVE[1]])]
    one, track, other = (reader.read_track(files) for _, files in kinds[:3])
    sr = reader.enhance(FIVE[1])

    def client_of(seed):
        order = random.Random(seed).choices(range(4), k=25)
        with httpx.Client(base_url=address, timeout=120) as client:
            return [(kind, post(client, kinds[kind][0], *kinds[kind][1])) for kind in order]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [answer for many in pool.map(client_of, range(8)) for answer in many]
    assert len(answers) == 200
    assert {response.status_code for _, response in answers} == {200}
    for kind, response in answers:
        if kind == 3:
            np.testing.assert_array_equal(decode(response.json()["frames"][0]["sr"]), sr)
        else:
            assert_same_reading(response.json(), (one, track, other)[kind])


def png_that_claims(width, height):
    """A PNG whose header promises more pixels than follow."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    parts = [struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def in_memory(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def hostile_files():
    good = FIVE[0].read_bytes()
    jpeg = example("night-003.jpg").read_bytes()
    yield "bomb.png", png_that_claims(60000, 60000)
    yield "bomb of many rows.png", in_memory(Image.new("1", (9000, 9000)), "PNG")
    yield "claims.png", png_that_claims(4000, 4000)
    yield "cut.png", good[:-200]
    yield "header alone.png", good[:33]
    yield "cut.jpg", jpeg[: len(jpeg) // 2]
    yield "many.gif", in_memory(Image.new("L", (40, 20)), "GIF", save_all=True, append_images=[Image.new("L", (40, 20), 9)] * 50)
    yield "script.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    yield "program.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 20\n(/etc/passwd) run\n"
    yield "page.html", b"<!doctype html><script>alert(1)</script>"
    yield "../../../etc/passwd", good
    yield "name\x1b[31m\r\n\u202e.png", b"x"
    yield "x" * 5000, b"x"
    yield "zip.png", b"PK\x03\x04" + bytes(500)
    yield "exif.jpg", b"\xff\xd8\xff\xe1\xff\xffExif\x00\x00II*\x00\xff\xff\xff\xff" + jpeg[2:]
    rng = random.Random(0)
    for number in range(40):
        content = bytearray(rng.choice([good, jpeg]))
        for _ in range(rng.choice([1, 4, 30])):
            content[rng.randrange(len(content))] = rng.randrange(256)
        yield f"changed {number}", bytes(content)


def test_hostile_uploads_get_an_answer_and_the_server_goes_on(client):
    for name, content in hostile_files():
        for path in ("/read", "/enhance"):
            response = post(client, path, (name, content))
            assert response.status_code in (200, 400, 422), (name, response.text)
            if response.status_code != 200:
                assert response.json()["error"].isprintable(), name
                assert len(response.json()["error"]) < 500, name
    assert_alive(client)


NO_FORMS = [
    ("multipart/form-data", b"--x\r\n"),
    ("multipart/form-data; boundary=x", b""),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=images; filename=a\r\n\r\nabc"),
    ("multipart/form-data; boundary=x", b"--x\r\n" * 10000),
    ("multipart/form-data; boundary=x", b"\x00\xff" * 1000),
    ("multipart/form-data; boundary=" + "x" * 5000, b"--"),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="images"\r\n\r\ntext\r\n--x--\r\n'),
    ("application/json", b'{"images": "abc"}'),
    ("application/x-www-form-urlencoded", b"images=abc"),
    ("text/plain", b"abc"),
]


# Starlette leaves the file of a part that is cut short to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_no_form_is_refused(client):
    for content_type, body in NO_FORMS:
        response = client.post("/read", content=body, headers={"content-type": content_type})
        assert response.status_code in (400, 422), (content_type, body[:80], response.text)
        assert response.json()["error"].isprintable(), (content_type, body[:80])
        assert_alive(client)
    gc.collect()


def assert_alive(client):
    assert post(client, "/read", FIVE[0]).status_code == 200


def test_a_port_that_is_in_use_is_named():
    with bind(0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"--port={port}: cannot be used .*; choose another, or 0"):
            bind(port)
    for port in (-1, 70000):
        with pytest.raises(ValueError, match=f"--port={port}: cannot be used"):
            bind(port)
