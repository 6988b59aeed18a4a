"""The epoch reel: the sample sheets of a run, of the same noise, under one slider."""

from typing import Any

from neuroceleb.app.components.module_html import ModuleHTML, ServerFunction


class EpochReel(ModuleHTML):
    """Sample sheets scrubbed at the screen's rate; two of them under a wipe or side by side.

    Value: `{"a": side, "b": side or None, "command": {…}}`, or None while there is nothing. A side
    is `{run, sheets: [[epoch, version, is_exact], …], kept: [epoch, …], best: epoch or None,
    seeded: bool}`; `seeded` where face n of the sheets is that of seed n. A command is done once
    for each `id`: `{id, epoch, play, collapse, face}`, all but `id` optional: go to an epoch, play
    from there, show how a collapse would look, show a face through the epochs.

    The value of `sheets({run, epochs, exact})` are data URLs of these sheets, "" for a missing one,
    that of `strip({run, place})` or `strip({run, face})` is `{epochs, columns, png}`.

    Events: `rest` with `{epoch, is_newest}`, when another epoch has been shown for a moment;
    `lead` with `{to, face}`. In the document, `neuroceleb:epoch` with `{epoch}` in its detail is
    sent whenever another epoch is shown, and `neuroceleb:show-epoch` shows one; `neuroceleb:play`
    plays from the first, `neuroceleb:quiz` asks which of two pictures of a face is the later one.
    """

    MODULE = "epoch_reel"
    TRIGGERS = ("rest", "lead")

    def __init__(
        self,
        value: Any = None,
        *,
        sheets: ServerFunction,
        strip: ServerFunction,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        super().__init__(
            value,
            elem_id=elem_id,
            visible=visible,
            render=render,
            server_functions={"sheets": sheets, "strip": strip},
        )
