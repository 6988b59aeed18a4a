"""Which requests are accepted: host, origin, login; and the security headers of every answer."""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neuroceleb.app.access import Access
from neuroceleb.app.login import Login

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEALTH = "/healthz"
# What needs no login here: files of the program, and Gradio's routes, which check it themselves.
OPEN_PATHS: tuple[str, ...] = (
    *(HEALTH, "/modules/", "/plotly.js", "/favicon.ico", "/login", "/logout", "/config"),
    *("/assets/", "/static/", "/svelte/", "/theme.css", "/manifest.json", "/robots.txt"),
    *("/pwa_icon", "/gradio_api/", "/monitoring"),
)
MCP_PATH = "/gradio_api/mcp"  # of which Gradio does not check the login
LOGOUT_PATH = "/logout"  # Gradio's own, a GET that changes something
MAX_NAME_BYTES = 255  # of files and folders; Gradio answers longer ones with a traceback
UPLOAD_PATH = "/upload"  # Gradio's own, which writes to disk before any endpoint is asked

# Gradio compiles its templates in the page and writes inline scripts and styles.
CONTENT_POLICY = (
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
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True)
class Rules:
    """What a server accepts.

    `host`: the address or name that it listens on. `allowed_hosts`: further names by which it is
    reached. `frame_ancestors`: origins of pages that may show it in a frame. `login`: None where
    no password is set.
    """

    host: str
    access: Access
    allowed_hosts: Sequence[str] = ()
    frame_ancestors: Sequence[str] = ()
    login: Login | None = None

    def is_own_name(self, header: str) -> bool:
        """Whether a Host header names this server."""
        bound = self.host.strip("[]").lower()
        return is_own_host(header, bound) or _name_of(header) in self.allowed_hosts

    def headers(self) -> dict[str, str]:
        """The security headers of every answer."""
        ancestors = " ".join(self.frame_ancestors) or "'none'"
        policy = "; ".join([*CONTENT_POLICY, f"frame-ancestors {ancestors}"])
        framing = {} if self.frame_ancestors else {"x-frame-options": "DENY"}
        return {"content-security-policy": policy, **framing, **HEADERS}


class Guard:
    """ASGI middleware: passes requests to this server, from its own pages, of those logged in."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self.app = app
        self.rules = rules
        self.headers = rules.headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        with_headers = _adding_headers(send, self.headers)
        refusal = _too_long(scope["path"]) or self._refusal(scope["method"], scope["path"], headers)
        if refusal is None and self.rules.login is not None:
            cookie = self.rules.login.cookie_for(headers)
            if cookie is not None:
                scope = {**scope, "headers": [*scope["headers"], (b"cookie", cookie.encode())]}
        await (refusal or self.app)(scope, receive, with_headers)

    def _refusal(self, method: str, path: str, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if path == HEALTH and method in SAFE_METHODS:
            return None  # says nothing but that it runs; its callers use any name
        if not self.rules.is_own_name(host):
            sentence = "This server does not answer to that host name: allow it by --allowed-host."
            return PlainTextResponse(sentence, 400)
        may_be_link = method in SAFE_METHODS and not path.rstrip("/").endswith(LOGOUT_PATH)
        if not self._is_own_page(headers, host, may_be_link):
            return PlainTextResponse("Requests from other sites are refused.", 403)
        if not self.rules.access.is_open and path.rstrip("/").endswith(UPLOAD_PATH):
            return PlainTextResponse("This server does not let visitors upload files.", 403)
        if not self._may_see(path, headers):
            challenge = {"WWW-Authenticate": 'Basic realm="Neuro-celeb", charset="UTF-8"'}
            return PlainTextResponse("A user name and password are needed.", 401, challenge)
        return None

    def _is_own_page(self, headers: Headers, host: str, may_be_link: bool) -> bool:
        own = [host, *self.rules.allowed_hosts]
        return any(is_own_page(headers, name, may_be_link) for name in own)

    def _may_see(self, path: str, headers: Headers) -> bool:
        login = self.rules.login
        is_open = path == "/" or (path.startswith(OPEN_PATHS) and MCP_PATH not in path)
        return login is None or is_open or login.is_logged_in(headers)


def _too_long(path: str) -> PlainTextResponse | None:
    longest = max(len(part.encode("utf-8", "replace")) for part in path.split("/"))
    if longest <= MAX_NAME_BYTES:
        return None
    return PlainTextResponse("A part of the address is too long.", 400)


def is_own_host(header: str, bound: str) -> bool:
    """Whether a Host header names this server, which is bound to the address or name `bound`.

    A server bound to every address accepts addresses and the machine's own name, but no other name:
    another site's DNS entry may point here (DNS rebinding).
    """
    name = _name_of(header)
    if not name:
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


def _name_of(header: str) -> str:
    """The name in a Host header, without the port; empty where it is none."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _adding_headers(send: Send, added: dict[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in added.items():
                headers[name] = value
        await send(message)

    return send_with_headers
