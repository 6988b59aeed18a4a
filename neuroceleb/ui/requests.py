"""What the tabs' own addresses share: bodies of bounded size, and files to save."""

import json
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request, Response

from ..errors import UserError

MAX_WISHES_BYTES = 2**20  # 256 faces by their z


async def body_of(request: Request, most: int) -> bytes:
    """The whole body of a request; raises UserError where it is over `most` bytes."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise UserError(f"The file is over {most // 2**20} MB: choose a smaller one.")
        parts.append(part)
    return b"".join(parts)


async def read_wishes(request: Request) -> dict[str, Any]:
    """What a page asks for, a JSON object; raises UserError for anything else."""
    try:
        wishes = json.loads(await body_of(request, MAX_WISHES_BYTES))
    except (ValueError, RecursionError):
        wishes = None
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
