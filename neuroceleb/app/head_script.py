"""What stands at the very top of the page: Gradio's page adds its `head` by a script, later."""

import gzip

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEAD = b"<head>"
# Paths of the root lead away from the path at which a reverse proxy shows the app. Without a link,
# browsers look for the icon there as well.
ICON = '<link rel="icon" href="favicon.ico">'
MANIFEST = b'href="/manifest.json"'
LEVEL = 4  # 0.8 MB to 0.1 MB in 10 ms


class HeadScript:
    """ASGI middleware that inserts a script and the icon into the page at `/`, before all else.

    It also makes the address of Gradio's manifest a relative one, and compresses the page, which
    holds Gradio's whole configuration and is not cached.
    """

    def __init__(self, app: ASGIApp, script: str) -> None:
        self.app = app
        self.markup = f"<script>{script}</script>{ICON}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/"
        if not is_page:
            await self.app(scope, receive, send)
            return
        accepted = Headers(scope=scope).get("accept-encoding", "")
        takes_gzip = any(one.strip() == "gzip" for one in accepted.split(","))
        await self.app(scope, receive, self._inserting(send, takes_gzip))

    def _inserting(self, send: Send, takes_gzip: bool) -> Send:
        """`send`, with the script inserted into HTML once its whole body is there."""
        start: Message | None = None
        body = b""

        async def send_with_script(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_plain_html(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    body = body.replace(HEAD, HEAD + self.markup, 1)
                    body = body.replace(MANIFEST, MANIFEST.replace(b"/", b"", 1), 1)
                    headers = MutableHeaders(scope=start)
                    headers.add_vary_header("Accept-Encoding")
                    if takes_gzip:
                        body = gzip.compress(body, LEVEL)
                        headers["content-encoding"] = "gzip"
                    headers["content-length"] = str(len(body))
                    await send(start)
                    await send({"type": "http.response.body", "body": body})

        return send_with_script


def _is_plain_html(start: Message) -> bool:
    headers = Headers(scope=start)
    html = headers.get("content-type", "").startswith("text/html")
    return html and "content-encoding" not in headers
