"""Who may use the page: requests to our own address, with the token where one is asked for.

A page on the loopback address is reachable from any site open in the same browser, by form or by a name
that resolves to 127.0.0.1. So the Host header must be ours, a request that changes something must come from
our own pages, and nothing but our own files may be loaded (Content-Security-Policy).
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "fleet_token"
MAX_BODY = 1_000_000
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_TOKEN = re.compile(r"(?:^|&)token=([\w-]+)")


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str:
    """The name in a Host header, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()


class Guard:
    """ASGI middleware: Host check, token, origin of changes, size of bodies, headers of every answer."""

    def __init__(self, app: ASGIApp, bound: str = "127.0.0.1", token: str = "") -> None:
        self.app, self.bound, self.token = app, bound, token

    def known(self, host: str) -> bool:
        """Whether a Host header is ours: loopback names, the bound address, or (bound to all) any address."""
        name = host_name(host)
        if is_loopback(self.bound):
            return is_loopback(name)
        if name in (self.bound.lower(), socket.gethostname().lower()) or is_loopback(name):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return bool(self.token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        app: ASGIApp = self.app if refusal is None else refusal

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(k, v) for k, v in message["headers"] if k.decode().lower() not in HEADERS]
                message["headers"] = kept + [(k.encode(), v.encode()) for k, v in HEADERS.items()]
            await send(message)

        await app(scope, receive, answer)

    def _refusal(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        host = headers.get("host", "")
        if not self.known(host):
            return PlainTextResponse("This page is served under another address.", 421)
        if scope["method"] not in ("GET", "HEAD") and not self._own(headers, host):
            return PlainTextResponse("Changes are taken from this page only.", 403)
        size = headers.get("content-length", "0")
        if not size.isdecimal() or int(size) > MAX_BODY or "transfer-encoding" in headers:
            return PlainTextResponse("The request is too large.", 413)
        return self._without_token(scope, headers)

    def _own(self, headers: Headers, host: str) -> bool:
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        return origin is None or origin.partition("://")[2] == host

    def _without_token(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        if not self.token:
            return None
        given = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        if hmac.compare_digest(given.encode(), self.token.encode()):
            return None
        asked = _TOKEN.search(scope.get("query_string", b"").decode("latin-1"))
        if asked and hmac.compare_digest(asked[1].encode(), self.token.encode()):
            response = RedirectResponse(scope["path"], 303)
            response.set_cookie(COOKIE, self.token, httponly=True, samesite="strict", path="/")
            return response
        return PlainTextResponse("Open the address with its token, as printed where the page is served.", 401)
