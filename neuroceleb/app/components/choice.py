"""A dropdown whose choices come from the disk."""

from typing import Any

import gradio as gr


class Choice(gr.Dropdown):
    """A `gr.Dropdown` of names that are listed while the page is open.

    Gradio refuses what it does not remember to have listed: all of it when the server was
    restarted, or when as many other sessions began as it keeps. A listener gets a string, empty for
    no choice, and checks it itself.
    """

    is_template = True

    def preprocess(self, payload: Any) -> str:
        return payload if isinstance(payload, str) else ""

    def postprocess(self, value: Any) -> Any:
        return value


class NumberChoice(gr.Dropdown):
    """As `Choice`, of whole numbers: a listener gets an int, or None."""

    is_template = True

    def preprocess(self, payload: Any) -> int | None:
        return payload if type(payload) is int else None

    def postprocess(self, value: Any) -> Any:
        return value


class RadioChoice(gr.Radio):
    """As `Choice`, all of them in view."""

    is_template = True

    def preprocess(self, payload: Any) -> str:
        return payload if isinstance(payload, str) else ""
