"""A dropdown whose choices come from the disk."""

from typing import Any

import gradio as gr


class Choice(gr.Dropdown):
    """A `gr.Dropdown` of names; also of those that were listed before the server was restarted.

    A listener gets a string, empty for no choice, and checks it itself.
    """

    is_template = True

    def preprocess(self, payload: Any) -> str:
        return payload if isinstance(payload, str) else ""

    def postprocess(self, value: Any) -> Any:
        return value
