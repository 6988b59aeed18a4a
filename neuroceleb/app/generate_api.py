"""The Generate tab's routes: models, faces of seeds, the best of many, other faces, provenance."""

from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from neuroceleb import images
from neuroceleb.app import faces, provenance, select_best
from neuroceleb.app.catalogue import translate
from neuroceleb.app.payloads import JsonBody, data_url, download, read_file
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace


def add_routes(app: FastAPI, workspace: Workspace) -> None:
    """`models`, `faces`, `faces/best`, `faces.zip`, `faces/picked`, `recipe`."""

    @app.get("/models")
    def models() -> list[dict[str, Any]]:
        return [_model(run) for run in faces.models(workspace)]

    @app.get("/faces")
    def sheet(
        model: str = "", epoch: str = "", seed: str = "", count: str = "1", truncation: str = "1"
    ) -> dict[str, Any]:
        return _sheet(faces.read_request(workspace, model, epoch, seed, count, truncation))

    @app.get("/faces/best")
    def best(
        model: str = "", epoch: str = "", seed: str = "", count: str = "1", truncation: str = "1"
    ) -> dict[str, Any]:
        request = select_best.read_request(workspace, model, epoch, seed, count, truncation)
        selection = select_best.select(workspace, request)
        return _sheet(selection.kept) | {"choice": selection.to_json()}

    @app.get("/faces.zip")
    def archive(
        model: str = "", epoch: str = "", seed: str = "", count: str = "1", truncation: str = "1"
    ) -> Response:
        request = faces.read_request(workspace, model, epoch, seed, count, truncation)
        return download(faces.archive(request), faces.archive_name(request), "application/zip")

    @app.post("/faces/picked")
    def picked(body: JsonBody) -> dict[str, Any]:
        return {"faces": draw_each(workspace, body.get("faces"))}

    @app.post("/recipe")
    async def restore(request: Request) -> dict[str, Any]:
        png = await read_file(request, provenance.MAX_BYTES)
        return await run_in_threadpool(_restored, workspace, png)


def draw_each(workspace: Workspace, requested: Any) -> list[dict[str, Any]]:
    """Every face with its picture, or with what is wrong with it."""
    if not isinstance(requested, list) or not 1 <= len(requested) <= faces.MAX_COUNT:
        raise UserError("Ask for 1 to {most} faces at a time.", most=faces.MAX_COUNT)
    answers: list[dict[str, Any]] = []
    good: list[faces.Face] = []
    for face in requested:
        try:
            good.append(faces.read_face(workspace, face))
            answers.append({})
        except UserError as error:
            answers.append({"problem": translate(error.message)})
    drawn = zip(good, faces.draw_faces(good), strict=True)
    for answer in answers:
        if not answer:
            face, pixels = next(drawn)
            answer.update(face_json(face, pixels))
    return answers


def face_json(face: faces.Face, pixels: images.Pixels) -> dict[str, Any]:
    """A face with its PNG, which is the file that the page saves."""
    png = images.encode(pixels, ".png", face.provenance)
    return {"face": face.to_json(), "name": face.name, "png": data_url(png)}


def _model(run: Run) -> dict[str, Any]:
    return {"name": run.name, "epochs": sorted(run.kept(), reverse=True)}


def _sheet(request: faces.FaceRequest) -> dict[str, Any]:
    """The faces of a contact sheet; each picture is the file that the page saves."""
    written = ",".join(map(str, request.seeds))
    listed = isinstance(request.seeds, list)
    query = {
        "model": request.model,
        "epoch": request.epoch,
        "seed": written if listed else request.seeds[0],
        "count": len(request.seeds),
        "truncation": request.truncation,
    }
    model = {"model": request.model, "epoch": request.epoch}
    truncation = {"truncation": request.truncation}
    return {
        **model,
        **truncation,
        "zip": f"faces.zip?{urlencode(query)}",
        "faces": [
            {"face": model | {"seed": seed} | truncation, "name": name, "png": data_url(png)}
            for seed, (name, png) in zip(request.seeds, faces.pngs(request), strict=True)
        ],
    }


def _restored(workspace: Workspace, png: bytes) -> dict[str, Any]:
    restored = provenance.restore(workspace, png)
    request = restored.request
    if request is None:
        return {"face": restored.face}
    seeds = ",".join(map(str, request.seeds))
    model = {"model": request.model, "epoch": request.epoch}
    return {"order": model | {"seed": seeds, "truncation": request.truncation}}
