"""The Explore tab's addresses."""

from typing import Any

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool

from neuroceleb.app.access import Access
from neuroceleb.app.background import Errands
from neuroceleb.app.explore_api import Explorer
from neuroceleb.app.requests import Wishes, file_of
from neuroceleb.errors import UserError
from neuroceleb.latent import projection_target
from neuroceleb.runs.workspace import Workspace


def add_routes(app: FastAPI, workspace: Workspace, host: str, auth: tuple[str, str] | None) -> None:
    """`explore/models`, `explore/<what>` at once, `explore/begin` and `explore/errands/<token>`."""
    explorer = Explorer(workspace, Access.of(host, auth), Errands())
    at_once = {
        "face": explorer.face,
        "grid": explorer.grid,
        "sliders": explorer.sliders,
        "line": explorer.line,
        "sum": explorer.sum,
        "names": explorer.name_directions,
        "begin": explorer.begin,
    }

    @app.get("/explore/models")
    def models() -> dict[str, Any]:
        return explorer.models()

    @app.post("/explore/crops")
    async def crops(request: Request) -> dict[str, Any]:
        return await run_in_threadpool(
            explorer.crops, await file_of(request, projection_target.MAX_BYTES)
        )

    @app.get("/explore/errands/{token}")
    def look(token: str, since: int = 0) -> dict[str, Any]:
        return explorer.errands.look(token, since)

    @app.post("/explore/errands/{token}/cancel")
    def cancel(token: str) -> dict[str, Any]:
        explorer.errands.cancel(token)
        return {}

    @app.post("/explore/{what}")
    def answer(what: str, wishes: Wishes) -> dict[str, Any]:
        if what not in at_once:
            raise UserError(f"'{what[:40]}' is nothing that can be asked for here.")
        return at_once[what](wishes)
