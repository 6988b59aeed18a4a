"""The latent palette: one face large, and sliders that move it along directions."""

from collections.abc import Sequence
from typing import Any

from neuroceleb.app.components.module_html import ModuleHTML

# Where the face can be sent: to other tabs, and as Start or End of an interpolation.
LEADS = ("generate", "start", "end", "epochs")


class LatentPalette(ModuleHTML):
    """A face, and a slider for each direction that paints it while it is dragged.

    Value: `{key, text, start, face, name, png, title, about}`, or None while there is nothing yet,
    or `{empty}`, a sentence in place of the face. `text` names the face, `start` the face without
    the moves by sliders; `key` says which frames belong to it. With sliders also `positions`,
    `directions` of `{name, explains}` or None until they are known, `can_name`, `remark`, `frames`.
    Frames are `{key, sheet, columns}`: an image with a row of faces a direction, from -3 to 3
    standard deviations, which are painted without asking the server.
    Props: `leads`, of LEADS, the buttons under the face; `frames`, finer ones than the value's.
    Events: `move` with `{text}`, another face by sliders, Undo or Reset; `refine` while the value
    has sliders and no fine frames; `rename` with `{index, name}`; `lead` with `{to, face}`.
    """

    MODULE = "latent_palette"
    TRIGGERS = ("move", "refine", "rename", "lead")

    def __init__(
        self,
        value: Any = None,
        *,
        leads: Sequence[str] = LEADS,
        frames: Any = None,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        super().__init__(
            value,
            elem_id=elem_id,
            visible=visible,
            render=render,
            leads=list(leads),
            frames=frames,
        )
