"""Every call of the page gets its answer, also one that is made while its stream is closed.

Gradio sends the answers to a session's calls as a stream, which it closes when all are sent; its
page opens another with the next call, unless it holds the last one open. A call that reaches the
server after the stream is closed and is accepted before the page knows of it has no stream: its
answer waits until another call opens one. Here a stream stays open for a moment, in which the next
call continues it, and a call that comes just after it is accepted a moment later than it is closed.

A stream of a session that is not known is answered here: Gradio logs a traceback for it.
"""

import asyncio
import json
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STREAM = "/gradio_api/queue/data"
CALL = "/gradio_api/queue/join"
CLOSE = b'data: {"msg":"close_stream"'
OPEN_FOR_S = 0.25  # after the last answer
KNOWN_AFTER_S = 0.25  # from the end of a stream until its page certainly knows of it
POLLED_EVERY_S = 0.01

NOT_KNOWN = {
    "msg": "unexpected_error",
    "event_id": None,
    "message": "This session is not known here: reload the page.",
    "session_not_found": True,
    "success": False,
}

Closed = dict[str, float]  # when each session's stream was closed, by the monotonic clock


class EventStreams:
    """ASGI middleware: accepts a session's call when the page knows that its stream is closed.

    `is_known` is whether Gradio has answers, or will have some, for the session of that name;
    `is_called` whether some are still to be sent.
    """

    def __init__(
        self, app: ASGIApp, is_known: Callable[[str], bool], is_called: Callable[[str], bool]
    ) -> None:
        self.app = app
        self.is_known = is_known
        self.is_called = is_called
        self._closed: Closed = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path.endswith(STREAM):
            await self._stream(scope, receive, send)
        elif path.endswith(CALL):
            call = _Call(receive, send, self._closed)
            await self.app(scope, call.receive, call.send)
        else:
            await self.app(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = _session_of(scope)
        if not self.is_known(session):
            event = f"data: {json.dumps(NOT_KNOWN)}\n\n"
            await Response(event, media_type="text/event-stream")(scope, receive, send)
            return
        stream = _Stream(send)
        while True:
            await self.app(dict(scope), receive, stream.send)
            if stream.last is None:
                return
            if not await self._is_called_soon(session):
                break
            stream.last = None
        self._forget()
        self._closed[session] = time.monotonic()
        await send({**stream.last, "more_body": False})

    async def _is_called_soon(self, session: str) -> bool:
        """Whether there is another call of the session within OPEN_FOR_S."""
        deadline = time.monotonic() + OPEN_FOR_S
        while not self.is_called(session):
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(POLLED_EVERY_S)
        return True

    def _forget(self) -> None:
        now = time.monotonic()
        for session, closed in list(self._closed.items()):
            if now - closed > KNOWN_AFTER_S:
                del self._closed[session]


class _Stream:
    """`send` for a stream; its last message, that it is closed, and its end are kept back."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_started = False
        self.last: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._is_started:
                return
            self._is_started = True
        if message.get("body", b"").startswith(CLOSE):
            self.last = message
        elif self.last is None:
            await self._send(message)


class _Call:
    """`receive` and `send` for a call; it is answered KNOWN_AFTER_S after a stream was closed."""

    def __init__(self, receive: Receive, send: Send, closed: Closed) -> None:
        self._receive = receive
        self._send = send
        self._closed = closed
        self._body = b""

    async def receive(self) -> Message:
        message = await self._receive()
        self._body += message.get("body", b"")
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._closed:
            closed = self._closed.get(_session_in(self._body))
            if closed is not None:
                await asyncio.sleep(max(0.0, closed + KNOWN_AFTER_S - time.monotonic()))
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
