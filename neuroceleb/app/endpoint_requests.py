"""Requests that name a listener, an endpoint or a component which the page does not have.

Gradio answers them with 500 and a traceback in the log, as it does a bug.
"""

from typing import Any

import gradio as gr

COMPONENTS = "component_server"
QUEUE = "queue/join"
CALLS = ("api", "run", "call")
BY_NUMBER = "predict"  # the name under which Gradio's own client calls a listener by its number


class KnownEndpoints:
    """Knows what the page has to be called."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self._inputs = {number: len(fn.inputs) for number, fn in blocks.fns.items()}
        self._numbers = {fn.api_name: number for number, fn in blocks.fns.items() if fn.api_name}
        self._components = frozenset(blocks.blocks)

    def problem(self, route: str, body: Any) -> str | None:
        """What is wrong with a request, in one sentence; None where it can be answered.

        `route` is what follows Gradio's prefix in the path, `body` the JSON of the request.
        """
        kind, _slash, name = route.rstrip("/").partition("/")
        is_call = kind in CALLS and "/" not in name  # not those of which the values have names
        if kind != COMPONENTS and route.rstrip("/") != QUEUE and not is_call:
            return None
        if not isinstance(body, dict):
            return "The request is no JSON object."
        if kind == COMPONENTS:
            found = body.get("component_id")
            is_known = type(found) is int and found in self._components
            return None if is_known else "The page has no such component: reload it."
        number = body.get("fn_index")
        if is_call and name != BY_NUMBER:
            number = self._numbers.get(name)
        count = self._inputs.get(number) if type(number) is int else None
        if count is None:
            return "The page has no such endpoint: reload it."
        values = body.get("data")
        if not isinstance(values, list) or len(values) < count:
            return f"The request has too few values: send {count}."
        return None
