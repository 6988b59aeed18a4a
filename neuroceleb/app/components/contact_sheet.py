"""The contact sheet: generated faces, large and crisp, each with what can be done with it."""

from collections.abc import Sequence
from typing import Any

from neuroceleb.app.components.module_html import ModuleHTML

# Where a face can be sent: Start and End of an interpolation, and other tabs.
LEADS = ("start", "end", "explore", "nearest", "epochs")


class ContactSheet(ModuleHTML):
    """A grid of generated faces.

    Value: `{"faces": [{"face": …, "name": "seed_0042.png", "png": "data:…"}]}`, or None while there
    is nothing yet; without faces, `note` is shown. `face` is `{model, epoch, seed, truncation}` or
    `{model, epoch, z}`; an entry with `problem`, a sentence, is shown without a picture. With `of`,
    `[model, epoch]`, the sheet is dim while the page has another model or epoch chosen (the event
    `neuroceleb:chosen` of the document, with `[model, epoch]`).

    The favourites are in the browser's storage, see `favourites.js`.

    Props: `leads`, of LEADS, the buttons under an enlarged face.

    Events: `lead` with `{to, face}`; `favourite` when there are others, also by another tab of the
    browser; `drop` with `{path}`, the uploaded PNG that was dropped on the sheet.
    """

    MODULE = "contact_sheet"
    TRIGGERS = ("lead", "favourite", "drop")

    def __init__(
        self,
        value: Any = None,
        *,
        leads: Sequence[str] = LEADS,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        super().__init__(value, elem_id=elem_id, visible=visible, render=render, leads=list(leads))
