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
    """Call a listener that returns the path of a file, then let the browser save that file.

    The button is marked while the file is made.
    """
    button.elem_id = button.elem_id or f"make-{secrets.token_hex(4)}"
    # Gradio calls the listeners of an event one after the other, so this one stands first.
    _mark(button.click, button, "true")
    made = _save_on(shared, button.click, function, inputs, is_long=True)
    _mark(made.success, button, "false")
    _mark(made.failure, button, "false")


def _mark(event: Any, button: gr.Button, is_working: str) -> None:
    script = f"() => window.neuroceleb.setWorking('{button.elem_id}', {is_working})"
    event(None, js=script, api_visibility="private")


def save_on_event(
    shared: Shared, event: Any, function: Callable[..., Any], inputs: Sequence[Component]
) -> None:
    """As `save_on_click`, on any event, for a file that is made at once."""
    _save_on(shared, event, function, inputs, is_long=False)


def _save_on(
    shared: Shared,
    event: Any,
    function: Callable[..., Any],
    inputs: Sequence[Component],
    *,
    is_long: bool,
) -> Any:
    hidden = f"save-{secrets.token_hex(4)}"
    file = gr.DownloadButton(visible="hidden", elem_id=hidden)
    made = shared.listen(event, function, inputs, [file], is_long=is_long)
    made.success(
        None,
        js=f"() => window.neuroceleb.saveWhenReady('{hidden}')",
        api_visibility="private",
    )
    return made
