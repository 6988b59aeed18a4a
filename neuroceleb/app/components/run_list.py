"""A list of runs, one of them chosen."""

from typing import Any

import gradio as gr


class RunList(gr.Radio):
    """A `gr.Radio` that accepts choices which were listed before the server was restarted.

    Value: the name of a run, "" for none.
    """

    is_template = True

    def preprocess(self, payload: Any) -> str:
        return str(payload or "")
