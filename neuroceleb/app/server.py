"""The web server: the Gradio page, the routes of its tabs, shared files, the health check."""

import gzip
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from plotly.offline import get_plotlyjs
from starlette.concurrency import run_in_threadpool

from neuroceleb import __version__
from neuroceleb.app import faces, page, theme
from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.app.background import repeat
from neuroceleb.app.catalogue import Language, i18n, translate
from neuroceleb.app.components import module_html
from neuroceleb.app.cropping import cropper_of
from neuroceleb.app.endpoint_requests import KnownEndpoints
from neuroceleb.app.event_streams import EventStreams
from neuroceleb.app.file_payloads import RequestChecks
from neuroceleb.app.guard import Guard, Rules
from neuroceleb.app.head_script import HeadScript
from neuroceleb.app.login import Credentials, Login
from neuroceleb.app.refusal_status import RefusalStatus
from neuroceleb.app.uploads import MAX_ZIP_BYTES
from neuroceleb.errors import UserError
from neuroceleb.runs import launch
from neuroceleb.runs.workspace import Workspace

log = logging.getLogger(__name__)

UPLOADS_SWEPT_EVERY_S = 600.0
QUEUE_PUMPED_EVERY_S = 2.0
IMMUTABLE = {"Cache-Control": "private, max-age=31536000, immutable"}


@dataclass(frozen=True)
class ServerOptions:
    """How a server is reached, and by whom.

    `root_path`: the path below which a reverse proxy shows it. `is_shared`: a tunnel makes it
    public; then, and behind a proxy (`allowed_hosts`), requests from this machine may be
    anybody's. See `guard.Rules` for the rest.
    """

    host: str = "127.0.0.1"
    auth: Credentials | None = None
    allowed_hosts: Sequence[str] = ()
    frame_ancestors: Sequence[str] = ()
    root_path: str | None = None
    is_shared: bool = False
    has_mcp: bool = False

    @property
    def access(self) -> Access:
        """What visitors may do."""
        access = Access.of(self.host, self.auth)
        is_reached_by_others = self.is_shared or bool(self.allowed_hosts)
        return replace(access, is_local=False) if is_reached_by_others else access


def create(workspace: Workspace, options: ServerOptions) -> FastAPI:
    """The whole application over one workspace; torch is loaded in the background."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan(workspace))
    app.add_exception_handler(UserError, _error_json)
    _add_files(app)
    module_html.add_files(app)
    context = Context(workspace, options.access)
    login = Login(options.auth) if options.auth else None
    blocks = page.build(context)
    _mount(app, blocks, options, login)
    app.add_middleware(HeadScript, script=theme.LANGUAGE_SCRIPT)
    queue = blocks._queue
    app.add_middleware(
        EventStreams,
        is_known=lambda session: session in queue.pending_messages_per_session,
        is_called=lambda session: bool(queue.pending_event_ids_session.get(session)),
    )
    endpoints = KnownEndpoints(blocks)
    app.add_middleware(RequestChecks, folder=context.files, endpoints=endpoints)
    app.add_middleware(RefusalStatus)
    app.add_middleware(Language)
    rules = Rules(
        options.host, context.access, options.allowed_hosts, options.frame_ancestors, login
    )
    app.add_middleware(Guard, rules=rules)
    return app


def _lifespan(workspace: Workspace) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        closed = threading.Event()
        threading.Thread(target=_warm_up, args=(workspace, closed), daemon=True).start()
        end_pump = repeat("queue", QUEUE_PUMPED_EVERY_S, lambda _: launch.start_next(workspace))
        end_sweeps = repeat("sweep", UPLOADS_SWEPT_EVERY_S, lambda _: cropper_of(workspace).sweep())
        yield
        end_pump()
        end_sweeps()
        closed.set()
        await run_in_threadpool(cropper_of(workspace).close)

    return lifespan


def _mount(app: FastAPI, blocks: gr.Blocks, options: ServerOptions, login: Login | None) -> None:
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        footer_links=["api", "settings"],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        show_error=True,
        max_file_size=MAX_ZIP_BYTES,
        favicon_path=str(theme.ASSETS / "favicon.png"),
        i18n=i18n(),
        theme=theme.theme(),
        head=module_html.head(),
        root_path=options.root_path,
        mcp_server=options.has_mcp,
        auth=login.check if login else None,
    )
    if login is not None:
        mounted: Any = app.routes[-1]
        login.connect(mounted.app.tokens, mounted.app.cookie_id)


def _add_files(app: FastAPI) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/plotly.js")
    def plotly_js() -> Response:
        headers = IMMUTABLE | {"Content-Encoding": "gzip"}
        return Response(_plotly_js(), headers=headers, media_type="text/javascript")


def _error_json(_: Request, error: Exception) -> JSONResponse:
    text = translate(error.message) if isinstance(error, UserError) else str(error)
    sentence = text.encode("utf-8", "replace").decode()  # it may quote a lone surrogate
    return JSONResponse({"error": sentence}, status_code=400)


@lru_cache(maxsize=1)
def _plotly_js() -> bytes:
    return gzip.compress(get_plotlyjs().encode(), compresslevel=6)


def _warm_up(workspace: Workspace, closed: threading.Event) -> None:
    try:
        faces.warm_up(workspace, closed)
    except UserError as error:
        log.warning("%s", error)
    except Exception:
        log.exception("The first model could not be loaded")
