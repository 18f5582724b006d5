"""The page, in a browser without a screen: files are dropped, corners drawn, results read, limits met."""

import base64
import http.server
import json
import threading

import pytest

from lpasrn_jax.serve.answers import certainty
from tests.serve.conftest import FIVE, example

PLATE = [(479, 366), (575, 369), (574, 399), (479, 399)]  # the plate's corners in examples/car.jpg, in pixels from its edge
WAIT = 120_000  # milliseconds, on a machine that does much else


@pytest.fixture
def visit(browser, address):
    """Opens the page with options of a browser's context; anything that the page complains about fails the test."""
    contexts, complaints = [], []

    def open_page(**options):
        context = browser.new_context(viewport=options.pop("viewport", {"width": 1180, "height": 900}), **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(address)
        page.wait_for_selector("#layout option:nth-child(3)", state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in complaints if "the server responded with a status of 4" not in text] == []


def drop(page, *files):
    contents = [[file.name, base64.b64encode(file.read_bytes()).decode()] for file in files]
    transfer = page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, content] of files) {
                transfer.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], name));
            }
            return transfer;
        }""",
        contents,
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})


def shown_text(page):
    page.wait_for_selector("#images:not([hidden])")
    return "".join(page.locator(".slots .character").all_inner_texts())


def on_screen(page, x, y):
    """Where a pixel of the whole photograph is on the screen."""
    box = page.locator("#stage").bounding_box()
    return box["x"] + x / 960 * box["width"], box["y"] + y / 640 * box["height"]


def test_frames_that_are_dropped_are_read_and_shown(visit, reader):
    page = visit()
    drop(page, *FIVE)
    reading = reader.read_track(FIVE)
    assert shown_text(page) == reading.text == "BRA2E19"
    assert page.locator("#verdict").inner_text() == certainty(reading).capitalize()
    assert page.locator(".slots > li .bar").count() == page.locator(".slots > li ul li:first-child").count() == 7
    assert page.locator("figcaption b").all_inner_texts() == ["LR", "bicubic", "SR", "fused"]
    cut = "document.querySelector('.compare').style.getPropertyValue('--cut')"
    page.focus(".compare input")
    page.keyboard.press("End")
    assert page.evaluate(cut) == "100%"
    page.check("input[name=right][value=bicubic]", force=True)
    assert page.locator(".compare img.right").get_attribute("alt") == "bicubic image of the plate"
    assert page.locator(".frames img").count() == 5


def downloaded(page, label, path):
    with page.expect_download() as waiting:
        page.click(f"text={label}")
    waiting.value.save_as(path)
    return path.read_bytes()


def test_what_is_downloaded_is_what_the_interface_answers(visit, client, tmp_path):
    page = visit()
    drop(page, FIVE[0])
    shown_text(page)
    reading = json.loads(downloaded(page, "Reading as JSON", tmp_path / "reading.json"))
    answer = client.post("/read", files=[("images", FIVE[0].read_bytes())]).json()
    assert {name: reading[name] for name in answer} == answer
    answer = client.post("/enhance", files=[("images", FIVE[0].read_bytes())]).json()
    assert downloaded(page, "SR image", tmp_path / "sr.png") == base64.b64decode(answer["frames"][0]["sr"]["png"])


def test_a_plate_is_marked_by_mouse(visit, tmp_path):
    page = visit()
    page.set_input_files("#files", example("car.jpg"))
    page.wait_for_selector("#stage svg")
    page.locator("#stage").scroll_into_view_if_needed()
    page.wait_for_timeout(700)
    page.mouse.move(*on_screen(page, *PLATE[0]))
    page.mouse.down()
    page.mouse.move(*on_screen(page, *PLATE[2]), steps=5)
    page.mouse.up()
    assert page.locator(".handle").count() == 4
    page.click("#corners-done")
    assert shown_text(page) == "CAR1D23"
    corners = json.loads(downloaded(page, "Reading as JSON", tmp_path / "reading.json"))["files"][0]["corners"]
    for (x, y), (true_x, true_y) in zip(corners, PLATE, strict=True):
        assert abs(x + 0.5 - true_x) < 5
        assert abs(y + 0.5 - true_y) < 5


def test_a_plate_is_marked_by_touch_on_a_phone(visit):
    page = visit(viewport={"width": 375, "height": 800}, has_touch=True, is_mobile=True)
    page.set_input_files("#files", example("car.jpg"))
    page.wait_for_selector("#stage svg")
    page.wait_for_timeout(700)
    for corner in (PLATE[2], PLATE[0], PLATE[3], PLATE[1]):  # in any order
        page.touchscreen.tap(*on_screen(page, *corner))
    page.tap("#corners-done")
    assert shown_text(page) == "CAR1D23"
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_all_of_it_works_by_keyboard(visit):
    page = visit()
    page.focus("#examples li:nth-child(3) button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#stage svg")
    page.focus("#corners-box")
    page.keyboard.press("Enter")
    before = page.locator(".handle").first.get_attribute("aria-label")
    page.keyboard.press("Shift+ArrowDown")
    assert before.startswith("top-left corner, x 384, y 289")
    assert page.locator(".handle").first.get_attribute("aria-label").startswith("top-left corner, x 384, y 299")
    page.focus("#corners-done")
    page.keyboard.press("Enter")
    page.wait_for_selector("#images:not([hidden])")


@pytest.mark.parametrize(("files", "message"), [
    ([("a.png", FIVE[0].read_bytes())] * 40, "40 images are too many"),
    ([("a.png", b"no image")], "is not an image"),
], ids=["count", "kind"])  # fmt: skip
def test_a_limit_is_met_with_a_sentence(visit, files, message):
    page = visit()
    payloads = [{"name": name, "mimeType": "image/png", "buffer": content} for name, content in files]
    page.set_input_files("#files", payloads)
    page.wait_for_selector("#problem:not([hidden])")
    assert message in page.locator("#problem").inner_text()
    page.click("#examples li:first-child button")  # and the page goes on
    assert shown_text(page) == "LPR2026"
    assert page.locator("#problem").is_hidden()


def test_files_that_are_too_large_are_not_sent(visit):
    page = visit()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    script = """() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(2 ** 25)], "large.png"));
        return transfer;
    }"""
    page.dispatch_event("#drop", "drop", {"dataTransfer": page.evaluate_handle(script)})
    page.wait_for_selector("#problem:not([hidden])")
    assert "34 MB together; at most 33 MB are taken" in page.locator("#problem").inner_text()
    assert requests == []


def test_no_plate_and_an_unreadable_one_are_said_to_be_that(visit):
    page = visit()
    page.click("#examples li:nth-child(4) button")
    shown_text(page)
    assert page.locator("#verdict").inner_text() == "Cannot be read"
    page.click("#examples li:nth-child(3) button")
    page.click("#corners-whole")
    shown_text(page)
    assert page.locator("#verdict").inner_text() == "No plate"


def test_the_page_is_dark_where_the_system_is(visit):
    colours = {
        scheme: visit(color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert colours == {"light": "rgb(245, 246, 244)", "dark": "rgb(18, 22, 23)"}


def test_a_page_of_another_origin_cannot_call(browser, address):
    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        page = browser.new_page()
        statuses = []
        page.on("response", lambda response: statuses.append(response.status) if response.url == f"{address}/read" else None)
        page.goto(f"http://127.0.0.1:{other.server_port}")
        script = """url => fetch(url, {method: "POST", mode: "no-cors", body: new FormData()}).catch(() => 0)"""
        page.evaluate(script, f"{address}/read")
        readable = page.evaluate("url => fetch(url).then(() => true, () => false)", f"{address}/about")
        page.close()
        other.shutdown()
    assert not readable
    assert statuses in ([403], [])  # refused, or not even sent


def test_screenshots_for_the_documentation(visit, request):
    folder = request.config.getoption("--screenshots")
    if folder is None:
        pytest.skip("no --screenshots=DIR given")
    for name, options in (("page", {}), ("page-dark", {"color_scheme": "dark"})):
        page = visit(viewport={"width": 1080, "height": 900}, **options)
        page.click("#examples li:nth-child(2) button")
        shown_text(page)
        page.wait_for_timeout(1000)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_the_page_for_programs_lists_calls_fields_and_limits(visit, address):
    page = visit()
    page.goto(f"{address}/api.html")
    page.wait_for_selector("#calls section:nth-child(3)")
    page.wait_for_selector("#limits:has-text('At most')")  # an expression would be evaluated in the page, which forbids it
    assert {"POST /read", "POST /enhance"} <= {*page.locator("#calls h2").all_inner_texts()}
    reading = page.locator("#calls section").filter(has=page.get_by_role("heading", name="POST /read")).locator("td > code")
    assert {"images", "corners", "layout", "text", "confidence", "is_plate"} <= {*reading.all_inner_texts()}
    assert {"413", "422"} <= {*page.locator("#errors code").all_inner_texts()}
    assert page.locator("#limits").inner_text().startswith("At most 16 images of one plate")
    assert f"{address}/read" in page.locator("#try").inner_text()
