"""Bounds of a server's connections: their number, and how long a request's head may take.

uvicorn waits without end for the head of a request, and when the process has no descriptors left,
asyncio writes a traceback for every connection that it cannot accept, thousands a second.
"""

import asyncio
import logging
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_TIMEOUT_S = 15.0
MAX_CONNECTIONS = 1_000
OTHER_DESCRIPTORS = 256  # files, locks, pipes, sockets that listen
REPEATED_AFTER_S = 60.0


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 whose connections end where they send no whole head of a request in time.

    Above the limit, the connection that has waited longest for a head gives way to a new one, so
    that a flood of silent connections keeps nobody out.
    """

    max_connections = MAX_CONNECTIONS
    head_timeout_s = HEAD_TIMEOUT_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._waiting_since = 0.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch_head()
        if len(self.connections) > self.max_connections:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        is_waiting = self.cycle is None or self.cycle.response_complete
        if not is_waiting:
            self._stop_watching()
        elif self._head_timer is None:
            self._waiting_since = self.loop.time()
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._give_up)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        self.connections.discard(self)
        self.transport.abort()

    def _make_room(self) -> None:
        """End the connection that has waited longest for a head, if need be this one."""
        waiting = [
            one
            for one in self.connections
            if isinstance(one, BoundedProtocol) and one._head_timer is not None
        ]
        longest = min(waiting, key=lambda one: one._waiting_since, default=self)
        longest._stop_watching()
        longest._give_up()


def raise_descriptor_limit() -> int:
    """Allow this process as many descriptors as the system does; how many connections fit."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return MAX_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError):  # a hard limit of "unlimited", on some systems
        pass
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, soft - OTHER_DESCRIPTORS))


class WarningRateLimit(logging.Filter):
    """Passes each warning at most once in REPEATED_AFTER_S; errors always."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno > logging.WARNING:
            return True
        now, key = time.monotonic(), str(record.msg)
        if now - self._last.get(key, -REPEATED_AFTER_S) < REPEATED_AFTER_S:
            return False
        self._last[key] = now
        return True
