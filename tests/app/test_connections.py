"""Bounds of connections: silent ones end or give way, and warnings are not repeated."""

import asyncio
import contextlib
import logging
import resource
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from neuroceleb.app import connections
from neuroceleb.app.connections import BoundedProtocol, WarningRateLimit
from tests import helpers

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def answer(_: Request) -> PlainTextResponse:
    await asyncio.sleep(0.5)
    return PlainTextResponse("fine")


class Bounded(BoundedProtocol):
    max_connections = 5
    head_timeout_s = 0.3


@pytest.fixture
def port() -> Iterator[int]:
    """A server of at most five connections, which waits 0.3 s for a head."""
    app = Starlette(routes=[Route("/", answer)])
    config = uvicorn.Config(app, http=Bounded, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        helpers.wait_for(lambda: server.started)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def silent(port: int, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            for _ in range(count)
        ]
        for one in opened:
            one.sendall(sent)
        yield opened


def ask(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        one.sendall(REQUEST)
        return one.recv(4_096)


def is_closed(one: socket.socket) -> bool:
    try:
        return one.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost:"])
def test_a_connection_without_a_whole_head_ends(port: int, sent: bytes) -> None:
    with silent(port, 1, sent) as (one,):
        began = time.monotonic()
        assert is_closed(one)
        assert time.monotonic() - began < 20


def test_an_answer_may_take_longer_than_a_head(port: int) -> None:
    assert b"200 OK" in ask(port)


def test_a_second_head_on_a_connection_is_awaited_as_briefly(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        one.sendall(REQUEST)
        received = b""
        while not received.endswith(b"fine"):
            received += one.recv(4_096)
        one.sendall(REQUEST[:10])
        assert is_closed(one)


def test_silent_connections_give_way_to_new_ones(port: int) -> None:
    for _ in range(4):
        with silent(port, 12):
            assert b"200 OK" in ask(port)


def test_the_limit_of_descriptors_is_raised_and_leaves_room() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
        count = connections.raise_descriptor_limit()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft == hard == before[1]
        assert 1 <= count <= connections.MAX_CONNECTIONS
        assert count == connections.MAX_CONNECTIONS or count < soft
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_warning_comes_once_and_an_error_each_time() -> None:
    limit = WarningRateLimit()

    def passes(level: int, text: str) -> bool:
        return limit.filter(logging.LogRecord("uvicorn", level, "", 0, text, (), None))

    assert passes(logging.WARNING, "Invalid HTTP request received.")
    assert not passes(logging.WARNING, "Invalid HTTP request received.")
    assert passes(logging.WARNING, "another")
    assert passes(logging.ERROR, "a bug") and passes(logging.ERROR, "a bug")
