"""What stands at the very top of the page: Gradio's page adds its `head` by a script, later."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEAD = b"<head>"
# Paths of the root lead away from the path at which a reverse proxy shows the app. Without a link,
# browsers look for the icon there as well.
ICON = '<link rel="icon" href="favicon.ico">'
MANIFEST = b'href="/manifest.json"'


class HeadScript:
    """ASGI middleware that inserts a script and the icon into the page at `/`, before all else.

    It also makes the address of Gradio's manifest a relative one.
    """

    def __init__(self, app: ASGIApp, script: str) -> None:
        self.app = app
        self.markup = f"<script>{script}</script>{ICON}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/"
        await self.app(scope, receive, self._inserting(send) if is_page else send)

    def _inserting(self, send: Send) -> Send:
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
                    MutableHeaders(scope=start)["content-length"] = str(len(body))
                    await send(start)
                    await send({"type": "http.response.body", "body": body})

        return send_with_script


def _is_plain_html(start: Message) -> bool:
    headers = Headers(scope=start)
    html = headers.get("content-type", "").startswith("text/html")
    return html and "content-encoding" not in headers
