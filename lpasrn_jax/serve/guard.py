"""What stands before the application: who may call it, how much it is sent, how long it takes, what a browser may do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lpasrn_jax.serve.limits import Limits

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HEADERS = {
    # Own files only; `blob:` and `data:` for the images that the user has chosen and those that were made of them.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class Refusal(Exception):
    """A request that is answered with an error before the application sees it."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


class Guard:
    """Middleware around an application that only this machine's own pages and programs may call.

    A page of another site reaches a local server in two ways: by calling it, which the `Origin` and `Sec-Fetch-Site` headers
    show, and by a name of its own that leads to 127.0.0.1 (DNS rebinding), which the `Host` header shows.

    Args:
      app: the application.
      limits: of a request. Its body is read here, whole and into memory, so that a limit is met the same way wherever it is met.
    """

    def __init__(self, app: ASGIApp, limits: Limits):
        self._app = app
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        try:
            check_caller(scope["method"], Headers(scope=scope))
            await self._answer(scope, receive, send_with_headers)
        except Refusal as refusal:
            if not has_begun:
                answer = JSONResponse({"error": str(refusal)}, refusal.status)
                await answer(scope, receive, send_with_headers)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        seconds = self._limits.seconds
        try:
            async with asyncio.timeout(seconds), self._turns:
                body = await self._body(receive)
                if body is not None:
                    await self._app(scope, _replay(body, receive), send)
        except TimeoutError as error:
            raise Refusal(503, f"no answer within {seconds:g} s; the machine is busy: try again") from error

    async def _body(self, receive: Receive) -> bytes | None:
        """The whole body; None if the caller has gone.

        What is too large is read to its end and thrown away: a browser that is still sending would not hear the answer.
        """
        parts, size, most = [], 0, self._limits.body_bytes
        try:
            async with asyncio.timeout(self._limits.upload_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part, more = message.get("body", b""), message.get("more_body", False)
                    size += len(part)
                    if size <= most:
                        parts.append(part)
                    else:
                        parts.clear()
        except TimeoutError as error:
            raise Refusal(408, f"the request did not arrive within {self._limits.upload_seconds:g} s") from error
        if size > most:
            raise Refusal(413, f"the request has {size} bytes; expected at most {most}: send fewer or smaller images")
        return b"".join(parts)


def check_caller(method: str, headers: Headers) -> None:
    """Raises Refusal for a request that comes from a page of another site, or by a name that is not this machine's own."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or _name(hosts[0]) not in LOOPBACK:
        raise Refusal(421, f"Host {', '.join(hosts) or 'missing'}: expected this machine's own address, such as 127.0.0.1")
    if any(origin != f"http://{hosts[0]}" for origin in headers.getlist("origin")):
        raise Refusal(403, "a page of another site may not call this server")
    # A link from another page may lead here, as long as it does nothing but show the page.
    is_visit = method == "GET" and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not is_visit:
        raise Refusal(403, "a page of another site may not call this server")


def _name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body at once, then what still comes, which is that the caller has gone."""
    messages: Iterable[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def again() -> Message:
        for message in messages:
            return message
        return await receive()

    return again
