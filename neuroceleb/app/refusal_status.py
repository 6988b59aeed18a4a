"""Gradio answers a refusal (`gr.Error`) with 500, as it does a bug: refusals get 422."""

import json
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neuroceleb.app.catalogue import LANGUAGES, SORRY, translate

ROUTE = "/gradio_api/run/"
REFUSED = 422
SORRY_SENTENCES = frozenset(translate(SORRY, language) for language in LANGUAGES)


class RefusalStatus:
    """ASGI middleware: the status of answers of listeners that bypass the queue."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_listener = scope["type"] == "http" and ROUTE in scope["path"]
        await self.app(scope, receive, _Answer(send) if is_listener else send)


class _Answer:
    """`send` for one answer; the start of a failed one waits until its body is known."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 500:
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        if _is_refusal(self._body):
            self._start["status"] = REFUSED
            MutableHeaders(scope=self._start)["content-length"] = str(len(self._body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._body})


def _is_refusal(body: bytes) -> bool:
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return False
    error = answer.get("error") if isinstance(answer, dict) else None
    return isinstance(error, str) and error not in SORRY_SENTENCES
