"""Who may call, how much may be sent and how long it may take, before an application that says what it was given."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse

from lpasrn_jax.serve.guard import Guard
from lpasrn_jax.serve.limits import DEFAULT_LIMITS, Limits

HOME = "http://127.0.0.1:8018"


async def echo(scope, receive, send):
    message = await receive()
    await PlainTextResponse(f"{scope['method']} {len(message['body'])}")(scope, receive, send)


def call(method="GET", path="/", *, app=echo, limits=DEFAULT_LIMITS, host=None, **request):
    async def run():
        transport = httpx.ASGITransport(app=Guard(app, limits))
        async with httpx.AsyncClient(transport=transport, base_url=HOME) as client:
            headers = {**({"host": host} if host else {}), **request.pop("headers", {})}
            return await client.request(method, path, headers=headers, **request)

    return asyncio.run(run())


@pytest.mark.parametrize("host", ["127.0.0.1:8018", "127.0.0.1", "localhost:9000", "LOCALHOST:9000", "[::1]:8018"])
def test_this_machine_is_answered_by_its_own_names(host):
    assert call(host=host).status_code == 200
    assert call("POST", host=host, content=b"123", headers={"origin": f"http://{host}"}).text == "POST 3"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8018", "127.0.0.1.evil.example", "localhost.evil.example:8018",
                                  "192.168.1.7:8018", "127.0.0.1@evil.example", "[::2]:8018", "0.0.0.0:8018"])  # fmt: skip
def test_another_name_that_leads_here_is_refused(host):
    """DNS rebinding: the browser believes that this is another site, whose pages it lets read the answer."""
    for method in ("GET", "POST"):
        response = call(method, host=host, headers={"origin": f"http://{host}"})
        assert (response.status_code, list(response.json())) == (421, ["error"])


@pytest.mark.parametrize("headers", [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "https://127.0.0.1:8018"},
    {"origin": "http://127.0.0.1:9999"},  # a page of another program on this machine
    {"origin": HOME, "sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
])  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_page_of_another_site_is_refused(headers, method):
    response = call(method, headers=headers)
    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_link_from_another_site_may_lead_here_but_send_nothing():
    visit = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert call(headers=visit).status_code == 200
    assert call("POST", headers=visit).status_code == 403


def test_every_answer_forbids_what_the_page_does_not_need():
    for response in (call(), call(headers={"origin": "null"}), call("POST", content=b"12", limits=Limits(body_bytes=1))):
        assert "default-src 'self'" in response.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"


def test_a_request_may_be_as_large_as_the_limit_and_no_larger():
    async def parts(count):
        for _ in range(count):
            yield b"1234567890"

    limits = Limits(body_bytes=30)
    assert call("POST", content=parts(3), limits=limits).text == "POST 30"
    response = call("POST", content=parts(400), limits=limits)
    assert response.status_code == 413
    assert response.json() == {"error": "the request has 4000 bytes; expected at most 30: send fewer or smaller images"}


def test_a_request_that_does_not_arrive_is_given_up():
    async def stalled():
        yield b"1"
        await asyncio.sleep(60)

    response = call("POST", content=stalled(), limits=Limits(upload_seconds=0.05))
    assert (response.status_code, response.json()["error"]) == (408, "the request did not arrive within 0.05 s")


def test_a_request_that_takes_too_long_is_given_up():
    async def slow(scope, receive, send):
        await asyncio.sleep(60)

    response = call("POST", app=slow, limits=Limits(seconds=0.05))
    assert response.status_code == 503
    assert "no answer within 0.05 s" in response.json()["error"]


def test_no_more_requests_are_held_than_the_limit_and_the_others_wait():
    held = most = 0

    async def count(scope, receive, send):
        nonlocal held, most
        held += 1
        most = max(most, held)
        await asyncio.sleep(0.01)
        held -= 1
        await echo(scope, receive, send)

    async def run():
        transport = httpx.ASGITransport(app=Guard(count, Limits(at_once=3)))
        async with httpx.AsyncClient(transport=transport, base_url=HOME) as client:
            return await asyncio.gather(*(client.post("/", content=b"1") for _ in range(20)))

    assert {response.text for response in asyncio.run(run())} == {"POST 1"}
    assert most == 3
