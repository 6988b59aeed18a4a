"""What the app's HTTP routes share: bounded request bodies, downloads, data URLs."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request, Response

from neuroceleb.app.parameters import read_object
from neuroceleb.errors import UserError

MAX_JSON_BYTES = 2**20  # 256 faces by their z
MAX_DRAINED_BYTES = 64 * 2**20


class BodyTooLargeError(Exception):
    """The body of a request has more bytes than are read of it."""


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body of a request; raises BodyTooLargeError where it has more than `max_bytes`."""
    body = bytearray()
    stream = request.stream()
    async for part in stream:
        body += part
        if len(body) > max_bytes:
            await drain(stream)
            raise BodyTooLargeError
    return bytes(body)


async def drain(stream: AsyncIterator[bytes]) -> None:
    """Read and drop up to MAX_DRAINED_BYTES of a body that is refused.

    A browser that is still sending reports a broken connection instead of the answer.
    """
    drained = 0
    async for part in stream:
        drained += len(part)
        if drained > MAX_DRAINED_BYTES:
            break


async def read_file(request: Request, max_bytes: int) -> bytes:
    """The file in the body of a request, in memory only; raises UserError over `max_bytes`."""
    try:
        return await read_body(request, max_bytes)
    except BodyTooLargeError:
        raise UserError(
            "The file is over {max_mb} MB: choose a smaller one.", max_mb=max_bytes // 2**20
        ) from None


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object in the body of a request; raises UserError for anything else."""
    try:
        value = json.loads(await read_body(request, MAX_JSON_BYTES))
    except BodyTooLargeError:
        raise UserError("That is too much to ask at once: reload the page.") from None
    except (ValueError, RecursionError):
        raise UserError("What was sent is not JSON: reload the page.") from None
    return read_object(value)


# A route's parameter of this type is the JSON object in the body.
JsonBody = Annotated[dict[str, Any], Depends(read_json)]


def file_headers(name: str, disposition: str = "attachment") -> dict[str, str]:
    """Headers with the name under which a browser saves the answer."""
    return {"Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(name)}"}


def download(content: bytes, name: str, media_type: str) -> Response:
    """A file that the browser saves under this name."""
    return Response(content, headers=file_headers(name), media_type=media_type)


def data_url(data: bytes, subtype: str = "png") -> str:
    """An encoded image (png, jpeg, webp) as a data URL."""
    return f"data:image/{subtype};base64," + base64.b64encode(data).decode("ascii")
