"""What the tabs' own addresses share: bodies of bounded size, and files to save."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request, Response

from neuroceleb.errors import UserError

MAX_WISHES_BYTES = 2**20  # 256 faces by their z
MAX_UNHEARD_BYTES = 64 * 2**20


class TooMuchError(Exception):
    """A request's body is over what is read of it."""


async def body_of(request: Request, most: int) -> bytes:
    """The whole body of a request; raises TooMuchError where it is over `most` bytes."""
    body = bytearray()
    stream = request.stream()
    async for part in stream:
        body += part
        if len(body) > most:
            await let_go(stream)
            raise TooMuchError
    return bytes(body)


async def let_go(stream: AsyncIterator[bytes]) -> None:
    """Read on for a while, and keep nothing, before a refusal.

    Whoever is still sending would not hear an answer, only that the connection is broken.
    """
    unheard = 0
    async for part in stream:
        unheard += len(part)
        if unheard > MAX_UNHEARD_BYTES:
            break


async def file_of(request: Request, most: int) -> bytes:
    """The file that a request brings, in memory alone; raises UserError over `most` bytes."""
    try:
        return await body_of(request, most)
    except TooMuchError:
        raise UserError(f"The file is over {most // 2**20} MB: choose a smaller one.") from None


async def read_wishes(request: Request) -> dict[str, Any]:
    """The JSON object that a page sent; raises UserError for anything else, or too much of it."""
    try:
        wishes = json.loads(await body_of(request, MAX_WISHES_BYTES))
    except TooMuchError:
        raise UserError("That is too much to ask at once: reload the page.") from None
    except (ValueError, RecursionError):
        raise UserError("What was sent is not JSON: reload the page.") from None
    if not isinstance(wishes, dict):
        raise UserError("What was sent is no JSON object: reload the page.")
    return wishes


Wishes = Annotated[dict[str, Any], Depends(read_wishes)]


def file_headers(name: str) -> dict[str, str]:
    """Headers that have the browser save the answer under this name."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}


def download(content: bytes, name: str, media_type: str) -> Response:
    """A file that the browser saves under this name."""
    return Response(content, headers=file_headers(name), media_type=media_type)
