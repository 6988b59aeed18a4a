"""A call that is made while its session's stream is being closed."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from neuroceleb.app import event_streams
from neuroceleb.app.event_streams import EventStreams

Server = Callable[[Scope, Receive, Send], Awaitable[None]]
START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"", "more_body": False}


def chunk(value: dict[str, Any]) -> Message:
    """An event, as Gradio writes it."""
    data = json.dumps(value, separators=(",", ":"))
    return {"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": True}


ANSWER = chunk({"msg": "process_completed", "output": 'data: {"msg":"close_stream"}'})
CLOSE = chunk({"msg": "close_stream", "event_id": None})


def known(session: str) -> bool:
    return session == "mine"


async def gradio(scope: Scope, receive: Receive, send: Send) -> None:
    """What Gradio answers to a stream and to a call."""
    if scope["path"].endswith("/data"):
        for message in (START, ANSWER, CLOSE, END):
            await send(message)
        return
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send({"type": "http.response.body", "body": b'{"event_id":"1"}'})


class Request:
    """One request to the middleware, and what is sent in answer to it."""

    def __init__(self, server: EventStreams, path: str, query: str = "", body: bytes = b"") -> None:
        self.sent: list[Message] = []
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.incoming.put_nowait({"type": "http.request", "body": body, "more_body": False})
        scope: Scope = {"type": "http", "path": f"/gradio_api/queue/{path}"}
        scope["query_string"] = query.encode()
        self.task = asyncio.ensure_future(server(scope, self.incoming.get, self._send))

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    def disconnect(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})


def in_thread(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run it in another thread: in this one Playwright may have a loop that runs."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def stream(server: EventStreams, session: str) -> Request:
    return Request(server, "data", f"session_hash={session}")


def call(server: EventStreams, session: str) -> Request:
    return Request(server, "join", body=json.dumps({"session_hash": session}).encode())


def test_a_call_is_accepted_once_the_page_has_closed_its_stream() -> None:
    async def run() -> None:
        server = EventStreams(gradio, known)
        closing = stream(server, "mine")
        await settle()
        assert closing.sent == [START, ANSWER, CLOSE]
        mine, other = call(server, "mine"), call(server, "other")
        await settle()
        assert mine.sent == []
        assert other.sent[0] == START
        closing.disconnect()
        await asyncio.gather(closing.task, mine.task)
        assert mine.sent[0] == START
        assert closing.sent[-1] == END
        again = call(server, "mine")
        await settle()
        assert again.sent[0] == START

    in_thread(run())


def test_a_page_that_never_closes_its_stream_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_streams, "CLOSED_WITHIN_S", 0.01)

    async def run() -> None:
        server = EventStreams(gradio, known)
        closing = stream(server, "mine")
        await settle()
        mine = call(server, "mine")
        await asyncio.wait_for(mine.task, 5)
        await closing.task
        assert mine.sent[0] == START
        assert closing.sent == [START, ANSWER, CLOSE, END]

    in_thread(run())


def test_a_stream_that_ends_otherwise_is_passed_on() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        for message in (START, ANSWER, END):
            await send(message)

    async def run() -> None:
        server = EventStreams(broken, known)
        ended = stream(server, "mine")
        await ended.task
        assert ended.sent == [START, ANSWER, END]

    in_thread(run())


def test_no_call_waits_for_a_stream_that_failed_while_it_was_closed() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await gradio(scope, receive, send)
        if scope["path"].endswith("/data"):
            raise OSError("gone")

    async def run() -> None:
        server = EventStreams(failing, known)
        first, second = stream(server, "mine"), stream(server, "mine")
        for failed in (first, second):
            with pytest.raises(OSError, match="gone"):
                await failed.task
        mine = call(server, "mine")
        await asyncio.wait_for(mine.task, 5)
        assert mine.sent[0] == START

    in_thread(run())


def test_a_call_without_a_session_is_passed_on() -> None:
    async def run() -> None:
        server = EventStreams(gradio, known)
        closing = stream(server, "mine")
        await settle()
        for body in (b"", b"[]", b"\xff", b'{"session_hash": 3}'):
            unnamed = Request(server, "join", body=body)
            await asyncio.wait_for(unnamed.task, 5)
            assert unnamed.sent[0] == START
        closing.disconnect()
        await closing.task

    in_thread(run())


def test_a_stream_of_an_unknown_session_says_so() -> None:
    async def run() -> None:
        nobody = stream(EventStreams(gradio, known), "nobody")
        await nobody.task
        event = json.loads(nobody.sent[1]["body"].removeprefix(b"data: "))
        assert event["session_not_found"] is True
        assert "reload the page" in event["message"]

    in_thread(run())
