"""A map of hundreds of faces: points from afar, faces from near."""

from typing import Any

from neuroceleb.app.components.module_html import ModuleHTML


class FaceMap(ModuleHTML):
    """Faces at their points of a plane, to zoom and move around in; from a zoom on they are shown.

    Value: `{sheet, columns, layouts: {name: [[x, y], …]}, colours: [[r, g, b], …]}` with x and y
    from 0 to 1, y upwards; or None. `sheet` is an image of the faces, `columns` in a row.
    Props: `layout`, the name of the one that is drawn; `marked`, the index of the face with a frame
    (one that is not on the map: none).
    Events: `pick` with `{index}`, the face that was clicked.
    """

    MODULE = "face_map"
    TRIGGERS = ("pick",)

    def __init__(
        self,
        value: Any = None,
        *,
        layout: str = "tsne",
        marked: int = -1,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        super().__init__(
            value, elem_id=elem_id, visible=visible, render=render, layout=layout, marked=marked
        )
