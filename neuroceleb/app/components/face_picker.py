"""A row of small faces to pick from."""

from typing import Any

from neuroceleb.app.components.module_html import ModuleHTML


class FacePicker(ModuleHTML):
    """Small faces under a title, each a button, in as many rows as they need.

    Value: `{"title": "…", "faces": [{"png": "data:…", "label": "Seed 3", "pick": …, "caption"}]}`,
    or None. A face whose `pick` is None is no button; `caption` is optional.
    Events: `pick` with `{pick}`, that of the face that was clicked. `queue` is the name of that in
    which they wait, see `ModuleHTML`.
    """

    MODULE = "face_picker"
    TRIGGERS = ("pick",)

    def __init__(
        self,
        value: Any = None,
        *,
        queue: str | None = None,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        queues = {"pick": queue} if queue else None
        super().__init__(value, elem_id=elem_id, visible=visible, render=render, queues=queues)
