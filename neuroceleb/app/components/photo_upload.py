"""A place to drop photos, folders and zips, which are sent file by file."""

from typing import Any

from neuroceleb.app.components.module_html import ModuleHTML, ServerFunction


class PhotoUpload(ModuleHTML):
    """Sends photos, folders with their paths, and zips; what fails is tried again, then named.

    `gr.File` forgets the folders, which name persons, and loses everything when one file fails.

    Value: None; another one empties it. Each file is uploaded by Gradio, then given to the server
    function `take({batch, files: [[name, path]], drop})`, whose value is `{batch, refused: [[name,
    why]]}`; with `drop` it deletes the files, which were cleared meanwhile. A file of over
    `max_bytes` is not sent, but named.

    Events: `sent` with `{batch, sent, failed, suggested, done}`: how many have arrived and failed
    so far, a name for them, and whether all are through; `clear` with `{batch}`.
    """

    MODULE = "photo_upload"
    TRIGGERS = ("sent", "clear")

    def __init__(
        self,
        value: Any = None,
        *,
        take: ServerFunction | None = None,
        max_bytes: int | None = None,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        super().__init__(
            value,
            elem_id=elem_id,
            visible=visible,
            render=render,
            server_functions={"take": take} if take else None,
            max_bytes=max_bytes,
        )
