"""A call that is made while its session's stream is being closed."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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


class Gradio:
    """What Gradio answers to a stream and to a call, whose answer waits for a stream."""

    def __init__(self) -> None:
        self.waiting = 1

    def is_called(self, session: str) -> bool:
        return self.waiting > 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/data"):
            self.waiting = 0
            for message in (START, ANSWER, CLOSE, END):
                await send(message)
            return
        while (await receive()).get("more_body"):
            pass
        self.waiting += 1
        await send(START)
        await send({"type": "http.response.body", "body": b'{"event_id":"1"}'})


def known(session: str) -> bool:
    return session == "mine"


def middleware(server: Server | None = None) -> EventStreams:
    gradio = Gradio()
    return EventStreams(server or gradio, known, gradio.is_called)


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


def test_the_next_call_continues_the_stream() -> None:
    async def run() -> None:
        server = middleware()
        open_one = stream(server, "mine")
        await settle()
        assert open_one.sent == [START, ANSWER]
        mine = call(server, "mine")
        await mine.task
        await open_one.task
        assert open_one.sent == [START, ANSWER, ANSWER, {**CLOSE, "more_body": False}]

    in_thread(run())


def test_a_call_just_after_the_end_is_accepted_a_moment_later() -> None:
    async def run() -> None:
        server = middleware()
        closed = stream(server, "mine")
        await closed.task
        began = time.monotonic()
        mine, other = call(server, "mine"), call(server, "other")
        await other.task
        assert mine.sent == []
        await mine.task
        assert mine.sent[0] == START
        assert time.monotonic() - began > event_streams.KNOWN_AFTER_S / 2
        again = call(server, "mine")
        await settle()
        assert again.sent[0] == START

    in_thread(run())


def test_a_stream_that_ends_otherwise_is_passed_on() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        for message in (START, ANSWER, END):
            await send(message)

    async def run() -> None:
        server = middleware(broken)
        ended = stream(server, "mine")
        await ended.task
        assert ended.sent == [START, ANSWER, END]

    in_thread(run())


def test_a_call_without_a_session_is_passed_on() -> None:
    async def run() -> None:
        server = middleware()
        await stream(server, "mine").task
        for body in (b"", b"[]", b"\xff", b'{"session_hash": 3}'):
            unnamed = Request(server, "join", body=body)
            await asyncio.wait_for(unnamed.task, 5)
            assert unnamed.sent[0] == START

    in_thread(run())


def test_a_stream_of_an_unknown_session_says_so() -> None:
    async def run() -> None:
        nobody = stream(middleware(), "nobody")
        await nobody.task
        event = json.loads(nobody.sent[1]["body"].removeprefix(b"data: "))
        assert event["session_not_found"] is True
        assert "reload the page" in event["message"]

    in_thread(run())
