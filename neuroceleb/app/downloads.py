"""Buttons that make a file and then save it."""

import secrets
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from neuroceleb.app.shared import Shared


def save_on_click(
    shared: Shared,
    button: gr.Button,
    function: Callable[..., Any],
    inputs: Sequence[Component],
) -> None:
    """Call a listener that returns the path of a file, then let the browser save that file."""
    hidden = f"save-{secrets.token_hex(4)}"
    file = gr.DownloadButton(visible="hidden", elem_id=hidden)
    made = shared.listen(button.click, function, inputs, [file], is_long=True)
    made.success(None, js=f"() => window.neuroceleb.saveWhenReady('{hidden}')")
