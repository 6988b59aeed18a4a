"""Every call of the page gets its answer, also one that is made while its stream is closed.

Gradio sends the answers to a session's calls as a stream, which it closes when all are sent; its
page opens another with the next call, unless it holds the last one open. A call that reached the
server after the stream was closed and was accepted before the page knew of it had no stream: its
answer waited until another call opened one. Here the acceptance of a call waits until the page has
closed its end of the stream.

A stream of a session that is not known is answered here: Gradio logs a traceback for it.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STREAM = "/gradio_api/queue/data"
CALL = "/gradio_api/queue/join"
CLOSE = b'data: {"msg":"close_stream"'
CLOSED_WITHIN_S = 1.0  # a page that has not closed its end by then is not waited for

NOT_KNOWN = {
    "msg": "unexpected_error",
    "event_id": None,
    "message": "This session is not known here: reload the page.",
    "session_not_found": True,
    "success": False,
}

Closing = dict[str, asyncio.Event]  # by session; set when the page has closed its end


class EventStreams:
    """ASGI middleware: accepts a session's call when the page knows that its stream is closed.

    `is_known` is whether Gradio has answers, or will have some, for the session of that name.
    """

    def __init__(self, app: ASGIApp, is_known: Callable[[str], bool]) -> None:
        self.app = app
        self.is_known = is_known
        self._closing: Closing = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path.endswith(STREAM):
            await self._stream(scope, receive, send)
        elif path.endswith(CALL):
            call = _Call(receive, send, self._closing)
            await self.app(scope, call.receive, call.send)
        else:
            await self.app(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        session, closed = _session_of(scope), asyncio.Event()
        if not self.is_known(session):
            event = f"data: {json.dumps(NOT_KNOWN)}\n\n"
            await Response(event, media_type="text/event-stream")(scope, receive, send)
            return

        def begin_closing() -> None:
            self._closing[session] = closed

        stream = _Stream(send, begin_closing)
        try:
            await self.app(scope, receive, stream.send)
            if stream.last is not None:
                await send({**stream.last, "more_body": True})
                with suppress(TimeoutError):
                    await asyncio.wait_for(_until_disconnected(receive), CLOSED_WITHIN_S)
        finally:
            closed.set()
            if self._closing.get(session) is closed:
                del self._closing[session]
        if stream.last is not None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Stream:
    """`send` for a stream; its last message, that it is closed, and its end are kept back."""

    def __init__(self, send: Send, begin_closing: Callable[[], None]) -> None:
        self._send = send
        self._begin_closing = begin_closing
        self.last: Message | None = None

    async def send(self, message: Message) -> None:
        if message.get("body", b"").startswith(CLOSE):
            self._begin_closing()
            self.last = message
        elif self.last is None:
            await self._send(message)


class _Call:
    """`receive` and `send` for a call; its answer waits while the session's stream is closing."""

    def __init__(self, receive: Receive, send: Send, closing: Closing) -> None:
        self._receive = receive
        self._send = send
        self._closing = closing
        self._body = b""

    async def receive(self) -> Message:
        message = await self._receive()
        self._body += message.get("body", b"")
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._closing:
            closed = self._closing.get(_session_in(self._body))
            if closed is not None:
                await closed.wait()
        await self._send(message)


def _session_of(scope: Scope) -> str:
    query = parse_qs(str(scope["query_string"], "latin-1"))
    return query.get("session_hash", [""])[0]


def _session_in(body: bytes) -> str:
    """The session that a call names; "" where it names none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    session = value.get("session_hash") if isinstance(value, dict) else None
    return session if isinstance(session, str) else ""


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
