"""A script that runs before Gradio's: Gradio itself adds `head=` only once it has started."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MARK = b"<head>"


class EarlyScript:
    """Puts a script at the beginning of the page's head; every other answer stays as it is."""

    def __init__(self, app: ASGIApp, script: str) -> None:
        self.app = app
        self.script = f"<script>{script}</script>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        page = _Page(self.script, send)
        await self.app({**scope, "headers": headers}, receive, page.send)


class _Page:
    """Holds an answer back until it is whole, then sends it with the script in it."""

    def __init__(self, script: bytes, send: Send) -> None:
        self.script, self.forward = script, send
        self.start: Message = {}
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        self.body += message.get("body", b"")
        if message.get("more_body", False):
            return
        self.body = self.body.replace(MARK, MARK + self.script, 1)
        MutableHeaders(scope=self.start)["content-length"] = str(len(self.body))
        await self.forward(self.start)
        await self.forward({"type": "http.response.body", "body": self.body})
