"""Which requests are accepted: host, origin, password; and the security headers of every answer."""

import base64
import binascii
import ipaddress
import secrets
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neuroceleb.app.access import Access

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({"/healthz"})
UPLOAD_PATH = "/upload"  # Gradio's own, which writes to disk before any endpoint is asked

# Gradio compiles its templates in the page and writes inline scripts and styles.
CONTENT_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware: passes requests to this server, from its own pages, with the password."""

    def __init__(self, app: ASGIApp, host: str, auth: tuple[str, str] | None = None) -> None:
        self.app = app
        self.host = host.strip("[]").lower()
        self.auth = auth
        self.may_upload = Access.of(host, auth).is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        with_headers = _adding_headers(send)
        refusal = self._refusal(scope["method"], scope["path"], headers)
        await (refusal or self.app)(scope, receive, with_headers)

    def _refusal(self, method: str, path: str, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if not is_own_host(host, self.host):
            return PlainTextResponse("This server does not answer to that host name.", 400)
        if not is_own_page(headers, host, method in SAFE_METHODS):
            return PlainTextResponse("Requests from other sites are refused.", 403)
        if not self.may_upload and path.rstrip("/").endswith(UPLOAD_PATH):
            return PlainTextResponse("This server does not let visitors upload files.", 403)
        if self.auth and path not in OPEN_PATHS and not knows_password(headers, self.auth):
            challenge = {"WWW-Authenticate": 'Basic realm="Neuro-celeb", charset="UTF-8"'}
            return PlainTextResponse("A user name and password are needed.", 401, challenge)
        return None


def is_own_host(header: str, bound: str) -> bool:
    """Whether a Host header names this server, which is bound to the address or name `bound`.

    A server bound to every address accepts addresses and the machine's own name, but no other name:
    another site's DNS entry may point here (DNS rebinding).
    """
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if name in LOOPBACK or name == bound:
        return True
    machine = socket.gethostname().lower()
    return bound in EVERY_ADDRESS and (
        _is_address(name) or name in {machine, f"{machine}.local", socket.getfqdn().lower()}
    )


def is_own_page(headers: Headers, host: str, may_be_link: bool) -> bool:
    """Whether a request comes from a page of this server, or from no page at all.

    Links on other sites may open the page (`may_be_link`); their other requests are refused.
    """
    if not may_be_link and headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == host.lower()


def knows_password(headers: Headers, auth: tuple[str, str]) -> bool:
    """Whether the Authorization header (Basic) holds this user and password."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return False
    return secrets.compare_digest(given, ":".join(auth).encode())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _adding_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return send_with_headers
