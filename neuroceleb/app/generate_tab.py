"""The Generate tab: a model, an epoch, seeds; a contact sheet of faces. Drawn by `generate.js`."""

import base64
from typing import Any
from urllib.parse import urlencode

import gradio as gr
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from neuroceleb import images
from neuroceleb.app import faces, provenance, select_best, theme
from neuroceleb.app.requests import Wishes, download, file_of
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

TRAIN_COMMAND = "python -m neuroceleb train FOLDER --run NAME"
ROLLED_SEEDS = 1_000_000  # short enough to read out


def build() -> None:
    """Lay out the tab."""
    gr.HTML(
        value={
            "seed": faces.FIRST_SEED,
            "count": faces.FIRST_COUNT,
            "max_count": faces.MAX_COUNT,
            "max_best": select_best.MAX_BEST,
            "rolled": ROLLED_SEEDS,
            "command": TRAIN_COMMAND,
        },
        html_template='<div class="nc-generate"></div>',
        js_on_load=theme.asset("generate.js"),
        apply_default_css=False,
        elem_id="faces",
    )


def add_routes(app: FastAPI, workspace: Workspace) -> None:
    """The addresses the tab asks: what models there are, faces of seeds, of other faces, a zip."""

    @app.get("/models")
    def models() -> list[dict[str, Any]]:
        return [_model(run) for run in faces.models(workspace)]

    @app.get("/faces")
    def sheet(
        model: str = "", epoch: str = "", seed: str = "", count: str = "1", truncation: str = "1"
    ) -> dict[str, Any]:
        return _sheet(faces.read_order(workspace, model, epoch, seed, count, truncation))

    @app.get("/faces/best")
    def best(
        model: str = "", epoch: str = "", seed: str = "", count: str = "1", truncation: str = "1"
    ) -> dict[str, Any]:
        order = select_best.read_order(workspace, model, epoch, seed, count, truncation)
        choice = select_best.choose(workspace, order)
        return _sheet(choice.kept) | {"choice": choice.as_page()}

    @app.get("/faces.zip")
    def archive(
        model: str = "", epoch: str = "", seed: str = "", count: str = "1", truncation: str = "1"
    ) -> Response:
        order = faces.read_order(workspace, model, epoch, seed, count, truncation)
        return download(faces.archive(order), faces.archive_name(order), "application/zip")

    @app.post("/faces/picked")
    def picked(wishes: Wishes) -> dict[str, Any]:
        return {"faces": draw_each(workspace, wishes.get("faces"))}

    @app.post("/recipe")
    async def restore(request: Request) -> dict[str, Any]:
        png = await file_of(request, provenance.MAX_BYTES)
        return await run_in_threadpool(_restored, workspace, png)


def draw_each(workspace: Workspace, wanted: Any) -> list[dict[str, Any]]:
    """Every face with its picture, or with what is wrong with it."""
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= faces.MAX_COUNT:
        raise UserError(f"Ask for 1 to {faces.MAX_COUNT} faces at a time.")
    answers: list[dict[str, Any]] = []
    good: list[faces.Picked] = []
    for face in wanted:
        try:
            good.append(faces.read_face(workspace, face))
            answers.append({})
        except UserError as error:
            answers.append({"problem": str(error)})
    drawn = zip(good, faces.draw_picked(good), strict=True)
    for answer in answers:
        if not answer:
            face, pixels = next(drawn)
            png = images.encode(pixels, ".png", face.recipe)
            answer |= {"face": face.as_page(), "name": face.name, "png": data_url(png)}
    return answers


def _model(run: Run) -> dict[str, Any]:
    return {"name": run.name, "epochs": sorted(run.kept(), reverse=True)}


def _sheet(order: faces.Order) -> dict[str, Any]:
    """What the contact sheet draws; each picture is the very file that Save saves."""
    written = ",".join(map(str, order.seeds))
    listed = isinstance(order.seeds, list)
    question = {
        "model": order.model,
        "epoch": order.epoch,
        "seed": written if listed else order.seeds[0],
        "count": len(order.seeds),
        "truncation": order.truncation,
    }
    whose = {"model": order.model, "epoch": order.epoch}
    scaled = {"truncation": order.truncation}
    return {
        **whose,
        **scaled,
        "zip": f"faces.zip?{urlencode(question)}",
        "faces": [
            {"face": whose | {"seed": seed} | scaled, "name": name, "png": data_url(png)}
            for seed, (name, png) in zip(order.seeds, faces.pngs(order), strict=True)
        ],
    }


def _restored(workspace: Workspace, png: bytes) -> dict[str, Any]:
    found = provenance.restore(workspace, png)
    if found.order is None:
        return {"face": found.face}
    seeds = ",".join(map(str, found.order.seeds))
    order = {"model": found.order.model, "epoch": found.order.epoch, "seed": seeds}
    return {"order": order | {"truncation": found.order.truncation}}


def data_url(png: bytes) -> str:
    """A picture as the address of itself."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
