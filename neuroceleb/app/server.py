"""The web server: the page, the files it draws from, and whether all is well."""

import gzip
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from plotly.offline import get_plotlyjs
from starlette.concurrency import run_in_threadpool

from neuroceleb import __version__
from neuroceleb.app import (
    explore_routes,
    faces,
    generate_tab,
    interpolate_tab,
    page,
    photos_api,
    progress_api,
    progress_tab,
    refusals_ko,
    sheet_previews,
    theme,
    train_api,
)
from neuroceleb.app.access import Access
from neuroceleb.app.cropping import Darkroom
from neuroceleb.app.guard import Guard
from neuroceleb.app.head_script import EarlyScript
from neuroceleb.app.translations import i18n
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace

log = logging.getLogger(__name__)

UPLOAD_LIMIT = "1gb"  # of a file sent to the API: a zip of photos
FOR_GOOD = {"Cache-Control": "private, max-age=31536000, immutable"}


def create(workspace: Workspace, host: str, auth: tuple[str, str] | None = None) -> FastAPI:
    """The whole application over one workspace; torch is loaded behind it once it serves."""

    darkroom = Darkroom(workspace)

    @asynccontextmanager
    async def warming(_: FastAPI) -> AsyncIterator[None]:
        closed = threading.Event()
        warm_up = threading.Thread(target=_warm_up, args=(workspace, closed), daemon=True)
        warm_up.start()
        stop_pumping = train_api.keep_pumping(workspace)
        stop_readying = sheet_previews.keep_ready(workspace)
        yield
        closed.set()
        stop_pumping()
        stop_readying()
        await run_in_threadpool(darkroom.close)
        await run_in_threadpool(close_studio)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=warming)
    app.add_exception_handler(UserError, _say)
    _add_files(app, workspace)
    generate_tab.add_routes(app, workspace)
    close_studio = interpolate_tab.add_routes(app, workspace)
    train_api.add_routes(app, workspace, host, auth)
    progress_tab.add_routes(app, workspace, host)
    explore_routes.add_routes(app, workspace, host, auth)
    photos_api.add_routes(app, workspace, darkroom, host, auth)
    gr.mount_gradio_app(
        app,
        page.build(workspace, Access.of(host, auth)),
        path="/",
        footer_links=["api"],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        show_error=True,
        max_file_size=UPLOAD_LIMIT,
        favicon_path=str(theme.ASSETS / "favicon.png"),
        i18n=i18n,
        theme=theme.theme(),
        head=theme.head(),
    )
    app.add_middleware(EarlyScript, script=theme.asset("language_override.js"))
    app.add_middleware(EarlyScript, script=theme.asset("throttle_status_timer.js"))
    app.add_middleware(Guard, host=host, auth=auth)
    return app


def _add_files(app: FastAPI, workspace: Workspace) -> None:
    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/plotly.js")
    def plotly_js() -> Response:
        headers = FOR_GOOD | {"Content-Encoding": "gzip"}
        return Response(_plotly_js(), headers=headers, media_type="text/javascript")

    @app.get("/refusals/ko")
    def refusals() -> JSONResponse:
        return JSONResponse(refusals_ko.KO, headers={"Cache-Control": "private, max-age=3600"})

    @app.get("/sheets/{run}/{epoch}")
    def sheet(run: str, epoch: int) -> FileResponse:
        return FileResponse(progress_api.sheet_file(workspace, run, epoch), headers=FOR_GOOD)


def _say(_: Request, error: Exception) -> JSONResponse:
    sentence = str(error).encode("utf-8", "replace").decode()  # it may quote half a character
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
        log.exception("The first model could not be drawn with")
