"""The faces that were found in photos, each with why it is left out, and a box to tick."""

from typing import Any

from neuroceleb.app.components.module_html import ModuleHTML, ServerFunction


class PhotoGrid(ModuleHTML):
    """A page of faces of a dataset: a click keeps a face or leaves it out, a tick selects it.

    Value: None, or `{"key": …, "faces": [{"id", "name", "label", "kept", "by_hand", "note",
    "title", "photo", "boxes", "size"}], "sprite": "data:…", "columns": 12, "first": 0, "total":
    312, "page": 0, "pages": 4, "live": false}`. `sprite` has the faces in their order, `columns`
    in a row; one whose `label` is None is a photo without a face and has no place in it. `key`
    changes with what is listed: then nothing is ticked any more. With `live` nothing can be
    changed, and each photo is shown with its faces. `photo` is passed to the server function
    `photo([dataset, key])`, whose value is a data URL or None; `boxes` are
    `[left, top, width, height, kept]` in a photo of `size` pixels.

    Events: `toggle` with `{face}`; `tick` with `{faces}`, ids, or `["*"]` for all that are listed;
    `turn` with `{page}`.
    """

    MODULE = "photo_grid"
    TRIGGERS = ("toggle", "tick", "turn")

    def __init__(
        self,
        value: Any = None,
        *,
        photo: ServerFunction | None = None,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        super().__init__(
            value,
            elem_id=elem_id,
            visible=visible,
            render=render,
            server_functions={"photo": photo} if photo else None,
        )
