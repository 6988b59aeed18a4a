"""The frame scrubber: an interpolation that is scrubbed and played without asking the server."""

from typing import Any

from neuroceleb.app.components.module_html import ModuleHTML, ServerFunction

PIECE = 64  # frames of a sprite, at most
COLUMNS = 16  # of a sprite


class FrameScrubber(ModuleHTML):
    """Frames on a stage, with a slider, a strip, a play button and thumbnails of the key frames.

    Value: None, or `{note}`, a sentence in place of the frames, or `{"frames": 64, "keys": [0, 63],
    "names": ["Seed 12", …], "fps": 30, "loop": false, "request": …, "piece": "data:…",
    "piece_frames": PIECE, "columns": COLUMNS}`. `piece` is a sprite of the first PIECE frames,
    COLUMNS wide. The sprites of the others come from the server function `frames({request,
    start})`, whose value is a data URL, once the first is shown.

    Events: `edit` with `{action, index}`, where action is `roll`, `left`, `right` or `remove`;
    `lead` with `{to, frame}`; `save` with `{frame}`. `edit_queue` is the name of the queue in
    which edits wait, see `ModuleHTML`.
    """

    MODULE = "frame_scrubber"
    TRIGGERS = ("edit", "lead", "save")

    def __init__(
        self,
        value: Any = None,
        *,
        frames: ServerFunction | None = None,
        edit_queue: str | None = None,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        super().__init__(
            value,
            elem_id=elem_id,
            visible=visible,
            render=render,
            server_functions={"frames": frames} if frames else None,
            queues={"edit": edit_queue} if edit_queue else None,
        )
