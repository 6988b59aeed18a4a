"""Requests to Gradio's endpoints name what the page has, and only files that were uploaded.

Gradio copies any path or URL that a request describes as a file (`meta._type` is
"gradio.FileData") into its cache before the endpoint runs, and then serves the copy. This
middleware refuses every such path outside the upload folder, for every endpoint and argument.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neuroceleb import files
from neuroceleb.app.endpoint_requests import KnownEndpoints

GRADIO_PREFIX = "/gradio_api/"
MAX_BODY_BYTES = 8 * 2**20
MAX_DEPTH = 32
KEPT_FREE_BYTES = 2**30  # of the disk, whatever is uploaded
REFUSED_ROUTES = ("process_recording", "proxy=", "vibe", "deep_link")  # the app needs none of them


class RequestChecks:
    """ASGI middleware: checks the JSON bodies of requests to Gradio's routes."""

    def __init__(self, app: ASGIApp, folder: Path, endpoints: KnownEndpoints) -> None:
        self.app = app
        self.endpoints = endpoints
        self.folder = files.absolute(folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or GRADIO_PREFIX not in scope["path"]:
            await self.app(scope, receive, send)
            return
        is_upload = Headers(scope=scope).get("content-type", "").startswith("multipart/")
        refusal = self._refusal(scope, is_upload)
        if refusal is not None or scope["method"] not in {"POST", "PUT", "PATCH"} or is_upload:
            await (refusal or self.app)(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            await _refuse("The request is too large.", 413)(scope, receive, send)
            return
        try:
            value = json.loads(body) if body.strip() else None
            is_allowed = self._is_allowed(value, 0)
        except (ValueError, RecursionError):
            await _refuse("The request is not JSON.", 400)(scope, receive, send)
            return
        if not is_allowed:
            await _refuse("A file is missing: upload it again.", 400)(scope, receive, send)
            return
        route = scope["path"].partition(GRADIO_PREFIX)[2]
        problem = self.endpoints.problem(route, value)
        if problem is not None:
            await _refuse(*problem)(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)

    def _refusal(self, scope: Scope, is_upload: bool) -> JSONResponse | None:
        """For a route that is not needed, and for an upload to a full disk."""
        if scope["path"].partition(GRADIO_PREFIX)[2].startswith(REFUSED_ROUTES):
            return _refuse("This server does not have that route.", 404)
        is_full = is_upload and shutil.disk_usage(_existing(self.folder)).free < KEPT_FREE_BYTES
        sentence = "The disk is nearly full: make room, then send the files again."
        return _refuse(sentence, 507) if is_full else None

    def _is_allowed(self, value: Any, depth: int) -> bool:
        """Whether every file that a value describes was uploaded. Raises ValueError if too deep."""
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        if isinstance(value, list):
            return all(self._is_allowed(item, depth + 1) for item in value)
        if not isinstance(value, dict):
            return True
        if "meta" in value and "path" in value and not self._is_uploaded(value["path"]):
            return False
        return all(self._is_allowed(item, depth + 1) for item in value.values())

    def _is_uploaded(self, path: Any) -> bool:
        if not isinstance(path, str):
            return False
        try:
            found = files.absolute(Path(path))
            return found.is_relative_to(self.folder) and found.is_file()
        except (OSError, ValueError):  # too long, or with a null byte
            return False


def _existing(folder: Path) -> Path:
    """The folder, or the first one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _refuse(sentence: str, status: int) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=status)


async def _read(receive: Receive) -> bytes | None:
    """The whole body, or None where it is over MAX_BODY_BYTES."""
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, and then what follows it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop(0) if messages else await receive()

    return receive_again
