"""Faces as the contact sheet shows them."""

from typing import Any

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.catalogue import translate
from neuroceleb.app.payloads import data_url
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace

Item = dict[str, Any]


def items_of_seeds(request: faces.FaceRequest) -> Item:
    """The value of a contact sheet with the faces of a request."""
    model = {"model": request.model, "epoch": request.epoch}
    shown = []
    for seed, (name, png) in zip(request.seeds, faces.pngs(request), strict=True):
        face = model | {"seed": seed, "truncation": request.truncation}
        shown.append(_item(face, f"{request.model}_{name}", png))
    return {"faces": shown, "of": [request.model, request.epoch]}


def items_of_faces(workspace: Workspace, wanted: list[Any]) -> Item:
    """The value of a contact sheet with any faces; what is wrong with one stands in its place.

    Raises UserError for more than `faces.MAX_COUNT` of them.
    """
    if len(wanted) > faces.MAX_COUNT:
        raise UserError("Ask for 1 to {most} faces at a time.", most=faces.MAX_COUNT)
    shown: list[Item] = []
    good: list[tuple[int, faces.Face]] = []
    for place, face in enumerate(wanted):
        shown.append({"face": face})
        try:
            good.append((place, faces.read_face(workspace, face)))
        except UserError as error:
            shown[-1]["problem"] = translate(error.message)
    drawn = faces.draw_faces([face for _, face in good])
    for (place, face), pixels in zip(good, drawn, strict=True):
        png = images.encode(pixels, ".png", face.provenance)
        shown[place] = _item(face.to_json(), f"{face.model}_{face.name}", png)
    return {"faces": shown}


def _item(face: Item, name: str, png: bytes) -> Item:
    return {"face": face, "name": name, "png": data_url(png)}
