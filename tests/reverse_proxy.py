"""A reverse proxy that shows a server below a path, as nginx with `location /faces/` does.

python tests/reverse_proxy.py PORT UPSTREAM_PORT /faces
"""

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

HEAD_BYTES = 65_536
CHUNK_BYTES = 65_536


class Proxy:
    """Passes requests below `prefix` on without it; answers all others with 404."""

    def __init__(self, port: int, upstream: int, prefix: str) -> None:
        self.port, self.upstream, self.prefix = port, upstream, prefix
        self._tasks: set[Any] = set()  # asyncio itself forgets those that wait

    async def serve(self) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", self.port, limit=HEAD_BYTES)
        print("Serving", flush=True)
        async with server:
            await server.serve_forever()

    async def _answer(self, client: asyncio.StreamReader, reply: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            head = (await client.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            method, target, _version = first.split(" ")
            headers = [tuple(line.split(": ", 1)) for line in lines]
            if target == self.prefix:
                reply.write(_short(f"301 Moved Permanently\r\nLocation: {self.prefix}/"))
            elif not target.startswith(f"{self.prefix}/"):
                reply.write(_short("404 Not Found"))
            else:
                target = target.removeprefix(self.prefix)
                await self._pass_on(f"{method} {target} HTTP/1.1", headers, client, reply)
            await reply.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the browser has left
        finally:
            reply.close()
            self._tasks.discard(task)

    async def _pass_on(
        self,
        first: str,
        headers: Iterable[tuple[str, ...]],
        client: asyncio.StreamReader,
        reply: asyncio.StreamWriter,
    ) -> None:
        given = {name.lower(): value for name, value in headers}
        added = {
            "connection": "close",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-host": given.get("host", ""),
            "x-forwarded-proto": "http",
        }
        lines = [first, *(f"{name}: {value}" for name, value in (given | added).items())]
        answer, request = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            request.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
            left = int(given.get("content-length", 0))
            while left:
                part = await client.read(min(left, CHUNK_BYTES))
                left = left - len(part) if part else 0
                request.write(part)
                await request.drain()
            while part := await answer.read(CHUNK_BYTES):  # also of streams, as it comes
                reply.write(part)
                await reply.drain()
        finally:
            request.close()


def _short(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


if __name__ == "__main__":
    asyncio.run(Proxy(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).serve())
